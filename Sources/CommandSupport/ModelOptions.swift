import ArgumentParser
import Checkpoint
import ConvNet
import ImageData
import TensorMath

/// The checkpoint that a one-input tool works on.
package struct ModelOptions: ParsableArguments {
  @Argument(help: "Checkpoint to read, '-' for standard input.", completion: .file())
  package var model = "-"

  @Option(
    name: .long,
    help: ArgumentHelp("Network architecture, when names and shapes do not tell it.", valueName: "auto|name"))
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
    let source = try openCheckpoint(Location(argument: model), options: options)
    let name = arch == "auto" ? source.metadata["ckpt.arch"] : arch
    let network = try Network(source, architecture: name, pool: pool, options: compute)
    console.detail(
      "\(source.label): \(network.architectureName), \(network.classCount) classes, \(network.batchNorms.count) BatchNorm layers"
    )
    return LoadedModel(source: source, network: network, openOptions: options, architecture: name, pool: pool)
  }
}

/// An open checkpoint and the network built from it.
package struct LoadedModel: Sendable {
  package let source: any CheckpointSource
  package let network: Network
  /// How it was opened, for files that belong to it.
  package let openOptions: OpenOptions
  /// The architecture asked for; nil when it was recognised.
  let architecture: String?
  let pool: ThreadPool

  /// Another network of the same checkpoint, for other arithmetic.
  package func network(_ compute: ComputeOptions) throws -> Network {
    try Network(source, architecture: architecture, pool: pool, options: compute)
  }
}

extension LoadedModel {
  /// Refuses a data set whose labels are not those of the classifier.
  ///
  /// - Parameter classes: outputs of a new classifier that takes the place of the checkpoint's.
  package func check(_ dataset: any ImageDataset, classes: Int? = nil) throws {
    try dataset.checkLabels(
      classCount: classes ?? network.classCount,
      classifier: classes == nil ? "the classifier of \(source.label)" : "the new classifier")
  }
}
