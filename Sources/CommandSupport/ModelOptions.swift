import ArgumentParser
import Checkpoint
import ConvNet
import ImageData
import ONNXModel
import TensorMath

/// The checkpoint that a one-input tool works on.
package struct ModelOptions: ParsableArguments {
  @Argument(
    help: "Checkpoint to read, '-' for standard input; or an ONNX file with its weights.", completion: .file()
  )
  package var model = "-"

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Network architecture, when names and shapes do not tell it, or an ONNX file that describes it.",
      valueName: "auto|name|file.onnx"),
    completion: .file(extensions: ["onnx"]))
  package var arch = "auto"

  @OptionGroup package var input: InputOptions

  package init() {}

  /// Opens the checkpoint and builds the network for it.
  ///
  /// - Parameter compute: exactness of the arithmetic.
  package func load(
    pool: ThreadPool, compute: ComputeOptions = ComputeOptions(), console: Console
  ) throws -> LoadedModel {
    let options = try input.openOptions(threads: pool.threadCount)
    let source = try openModel(model, options: options)
    let model = try LoadedModel(
      source, architecture: arch == "auto" ? nil : arch, pool: pool, compute: compute, options: options)
    let network = model.network
    console.detail(
      "\(model.source.label): \(network.architectureName), \(network.classCount) classes, \(network.batchNorms.count) BatchNorm layers"
    )
    if let doubt = network.recognitionNotice, arch == "auto" {
      console.notice("\(model.source.label): \(doubt)")
    }
    return model
  }
}

/// Opens a checkpoint, or an ONNX file as one.
package func openModel(_ path: String, options: OpenOptions) throws -> any CheckpointSource {
  isONNX(path)
    ? ONNXCheckpoint(try ONNXModel(path: path))
    : try openCheckpoint(Location(argument: path), options: options)
}

/// ONNX files have no signature; they are told by their names.
private func isONNX(_ path: String) -> Bool { path.lowercased().hasSuffix(".onnx") }

/// An open checkpoint and the network built from it.
package struct LoadedModel: Sendable {
  package let source: any CheckpointSource
  package let network: Network
  /// How it was opened, for files that belong to it.
  package let openOptions: OpenOptions
  /// The name that was asked for, which the checkpoint alone does not tell.
  private let namedArchitecture: String?
  /// The ONNX file that describes the network, if one does.
  private let description: ONNXModel?
  private let pool: ThreadPool

  /// - Parameters:
  ///   - source: A checkpoint, or an ONNX file, which is checkpoint and description in one.
  ///   - architecture: A name or an ONNX file; nil takes what the metadata name, or recognises it.
  package init(
    _ source: any CheckpointSource, architecture: String?, pool: ThreadPool,
    compute: ComputeOptions = ComputeOptions(), options: OpenOptions
  ) throws {
    self.source = source
    self.pool = pool
    openOptions = options
    let own = (source as? ONNXCheckpoint)?.model
    let isFile = architecture.map(isONNX) ?? false
    if let architecture, own != nil, !isFile {
      throw Failure(
        .usage, "\(source.label) describes its architecture itself: leave out --arch \(architecture)")
    }
    description = try architecture.flatMap { isFile ? try ONNXModel(path: $0) : nil } ?? own
    namedArchitecture = isFile ? nil : architecture
    network = try Self.network(
      source, description: description, architecture: namedArchitecture, pool: pool, compute: compute)
  }

  private static func network(
    _ source: any CheckpointSource, description: ONNXModel?, architecture: String?, pool: ThreadPool,
    compute: ComputeOptions
  ) throws -> Network {
    if let description { return try Network(source, onnx: description, pool: pool, options: compute) }
    return try Network(
      source, architecture: architecture ?? source.metadata["ckpt.arch"], pool: pool, options: compute)
  }

  /// Another network of the same checkpoint, for other arithmetic.
  package func network(_ compute: ComputeOptions) throws -> Network {
    try Self.network(
      source, description: description, architecture: namedArchitecture, pool: pool, compute: compute)
  }

  /// The checkpoint's metadata, with the architecture that was named, so that the next tool need not be told again.
  package var metadata: Metadata {
    var metadata = source.metadata
    if let namedArchitecture { metadata["ckpt.arch"] = namedArchitecture }
    return metadata
  }
}

extension LoadedModel {
  /// The recorded names of the classifier's outputs.
  package func classNames(console: Console) -> ClassNames? {
    ClassNames(of: source, classCount: network.classCount, console: console)
  }

  /// Refuses a data set whose labels are not those of the classifier.
  ///
  /// - Parameter classes: outputs of a new classifier that takes the place of the checkpoint's.
  package func check(_ dataset: any ImageDataset, classes: Int? = nil) throws {
    try dataset.checkLabels(
      classCount: classes ?? network.classCount,
      classifier: classes == nil ? "the classifier of \(source.label)" : "the new classifier")
  }
}
