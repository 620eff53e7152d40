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
    return LoadedModel(source: source, network: network, openOptions: options)
  }
}

/// An open checkpoint and the network built from it.
package struct LoadedModel: Sendable {
  package let source: any CheckpointSource
  package let network: Network
  /// How it was opened, for files that belong to it.
  package let openOptions: OpenOptions
}

extension LoadedModel {
  /// Opens a labelled data set, refused unless it has one class folder for each output of the classifier.
  ///
  /// Labels are positions in the sorted list of folders: with another number of folders they would name other classes.
  ///
  /// - Parameter classes: outputs of a new classifier that takes the place of the checkpoint's.
  package func dataset(_ argument: String, classes: Int? = nil) throws -> any ImageDataset {
    let dataset = try openDataset(argument)
    if let names = dataset.classNames, names.count != classes ?? network.classCount {
      throw Failure(
        .badData,
        "\(dataset.name): \(names.count) class\(names.count == 1 ? "" : "es"), but the classifier of \(source.label) has \(classes ?? network.classCount)"
      )
    }
    return dataset
  }
}
