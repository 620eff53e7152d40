import ArgumentParser
import Checkpoint
import Command

@main
struct Convert: CheckpointTool {
  static let configuration = CommandConfiguration(
    commandName: "ckpt-convert",
    abstract: "Convert a checkpoint: format, compression, element type, names, shards.",
    discussion: """
      Reads safetensors, compressed or not, PyTorch files, and sharded sets of either. Writes safetensors, plain unless \
      --compress is given; a file for torch.load if the output is named .pth, .pt, .ckpt or .bin, or an archive of NumPy \
      arrays if it is named .npz.
      """,
    version: versionText("ckpt-convert"))

  @Argument(help: "Checkpoint to read, '-' for standard input.", completion: .file())
  var file = "-"

  @OptionGroup(title: "Input and output") var input: InputOptions
  @OptionGroup(title: "Input and output") var output: OutputOptions

  @Option(help: "Output format, regardless of the output name.")
  var format: WriteOptions.Format?

  @Flag(help: "Write the compressed container; with --base, differences from it.")
  var compress = false

  @Flag(help: "Write plain safetensors (the default).")
  var decompress = false

  @Option(help: ArgumentHelp("Maximum file size of the sharded set to write.", valueName: "size"))
  var maxShardSize: ByteSize?

  @OptionGroup(title: "Tensors") var tensors: ConversionOptions
  @OptionGroup(title: "General") var global: GlobalOptions

  func validate() throws {
    if compress && decompress { throw ValidationError("--compress and --decompress exclude each other") }
    if (try? targetFormat()) ?? .safetensors != .safetensors && (compress || maxShardSize != nil) {
      throw ValidationError("only safetensors files can be compressed or sharded")
    }
    if let maxShardSize, maxShardSize.bytes == 0 { throw ValidationError("--max-shard-size must not be 0") }
    if maxShardSize != nil && output.output == "-" {
      throw ValidationError("--max-shard-size needs a folder: -o DIR")
    }
  }

  private func targetFormat() throws -> WriteOptions.Format {
    try format ?? (maxShardSize == nil ? outputFormat(output.output) : .safetensors)
  }

  func execute(_ console: Console) throws {
    let targetFormat = try targetFormat()
    let destination = try checkedDestination(output.output)
    var outputs = PlannedOutputs()
    outputs.add("-o", output.output, isFolder: maxShardSize != nil)
    try outputs.check()
    let options = try input.openOptions(threads: global.threadCount)
    let source = try openCheckpoint(Location(argument: file), options: options)
    var writing = WriteOptions()
    writing.format = targetFormat
    writing.compress = compress
    writing.maxShardBytes = maxShardSize?.bytes
    writing.threads = global.threadCount
    writing.temporaryFolder = options.temporaryFolder
    if compress { writing.base = options.base }

    writing.configuration = source.origin.configuration
    tellStateDicts(of: [source], console)
    if targetFormat == .npz && !source.metadata.isEmpty {
      console.notice("\(source.label): \(targetFormat) files have no metadata; metadata omitted")
    }
    var metadata = source.standaloneMetadata
    if let entry = tensors.provenance { entry.record(in: &metadata) }
    let conversion = tensors.conversion
    try console.watching("converting", [source], only: conversion.includes) { sources in
      try conversion.run(sources[0], metadata: metadata, to: destination, options: writing)
    }
    for spec in source.tensors { console.detail("\(spec.name): \(spec.layout)") }
  }
}

extension WriteOptions.Format: ExpressibleByArgument {}
