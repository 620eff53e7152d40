import ArgumentParser
import Checkpoint
import Command
import Evaluation
import ImageData
import NetworkCommand
import NetworkExecution
import Platform

/// Models and data sets of the measurement.
struct InputOptions: ParsableArguments {
  @Argument(
    help: "Checkpoints to read, '-' for standard input; or ONNX files with their weights.",
    completion: .file())
  var models = ["-"]

  @Option(
    help: ArgumentHelp(
      "Network architecture, if names and shapes do not determine it, or an ONNX file that describes it.",
      valueName: "auto|name|file.onnx"),
    completion: .file(extensions: ["onnx"]))
  var arch = "auto"

  @OptionGroup var arithmetic: ArithmeticOptions

  @OptionGroup var decoding: Command.InputOptions

  @Option(help: ArgumentHelp("Labeled images.", valueName: "dataset"), completion: .directory)
  var data: String?

  @Option(
    help: ArgumentHelp(
      "Other labeled images to score the chosen setting on, and the recorded one if it is another.",
      valueName: "dataset"),
    completion: .directory)
  var confirm: String?

  @Flag(help: "Average the probabilities of all checkpoints instead of comparing them.")
  var ensemble = false

  @Option(
    help: ArgumentHelp(
      "Images per batch (default: at most 16, limited to 256 MB of input).", valueName: "n"))
  var batchSize: Int?

  func validate() throws {
    try OptionBounds.check(["--batch-size": batchSize])
    try requireOneStandardInput(models + [data, confirm])
    for model in models where SizeList(argument: model) != nil && access(model, F_OK) != 0 {
      throw ValidationError(
        "'\(model)' is no checkpoint; separate sizes by commas, as in --crop 224,\(model)")
    }
  }

  /// Opens all checkpoints and builds their networks.
  ///
  /// - Parameter isStoredMeasuredAlone: whether nothing but their own BatchNorm statistics is measured.
  func load(pool: ThreadPool, isStoredMeasuredAlone: Bool, console: Console) throws -> [LoadedModel] {
    try models.map { path in
      var one = ModelOptions()
      one.model = path
      one.arch = arch
      one.input = decoding
      let model = try one.load(pool: pool, compute: arithmetic.compute(), console: console)
      if model.source.metadata[MetadataKey.batchNorm] == MetadataKey.BatchNormState.stale
        && isStoredMeasuredAlone
      {
        console.warning(
          "\(model.source.label): BatchNorm statistics are stale; run ckpt-bnfix first, or give --bnfix"
        )
      }
      return model
    }
  }
}

/// The side of the training images, where the checkpoint records it.
func trainSize(of source: any CheckpointSource) -> Int? {
  source.metadata[MetadataKey.trainSize].flatMap { Int($0) }.flatMap {
    Preprocessing.sizes.contains($0) ? $0 : nil
  }
}
