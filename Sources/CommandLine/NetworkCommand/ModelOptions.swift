import ArgumentParser
import Checkpoint
import Command
import ImageData
import NetworkExecution
import NetworkGraphs
import Platform

/// The checkpoint that a one-input tool works on.
package struct ModelOptions: ParsableArguments {
  @Argument(
    help: "Checkpoint to read, '-' for standard input; or an ONNX file with its weights.", completion: .file()
  )
  package var model = "-"

  @Option(
    help: ArgumentHelp(
      "Network architecture, if names and shapes do not determine it, or an ONNX file that describes it.",
      valueName: "auto|name|file.onnx"),
    completion: .file(extensions: ["onnx"]))
  package var arch = "auto"

  @OptionGroup package var input: InputOptions

  package init() {}

  /// Opens the checkpoint and builds the network for it.
  ///
  /// - Parameters:
  ///   - part: Nodes of an ONNX file that are imported.
  ///   - compute: exactness of the arithmetic.
  package func load(
    part: ImportedPart = .classifier, pool: ThreadPool, compute: ComputeOptions = ComputeOptions(),
    console: Console
  ) throws -> LoadedModel {
    let options = try input.openOptions(threads: pool.threadCount)
    let source = try openModel(model, options: options)
    let model = try LoadedModel(
      source, architecture: arch == "auto" ? nil : arch, part: part, pool: pool, compute: compute,
      options: options)
    let network = model.network
    tellStateDicts(of: [source], console)
    if let view = model.source as? NetworkView {
      console.detail(
        "\(view.label): the names of the network have the prefix \"\(TensorName(view.prefix).escaped)\"")
    }
    let classes = network.description.isPartial ? "" : "\(network.classCount) classes, "
    console.detail(
      "\(model.source.label): \(network.architectureName), \(classes)\(network.batchNorms.count) BatchNorm layers"
    )
    if let remark = network.description.nameRemark { console.notice("\(model.source.label): \(remark)") }
    let alternatives = network.description.alternatives
    if !alternatives.isEmpty, arch == "auto" {
      console.notice(
        "\(model.source.label): taken for \(network.architectureName); if it is \(alternatives.joined(separator: " or ")), which has the same tensors, pass --arch with that name"
      )
    }
    if let assumption = network.description.assumption {
      console.notice("\(model.source.label): taken for \(network.architectureName); \(assumption)")
    }
    return model
  }
}

/// An open checkpoint and the network built from it.
package struct LoadedModel: Sendable {
  /// The checkpoint by the names of the network; what is written from it has those of the file.
  package let source: any CheckpointSource
  package let network: Network
  /// Options it was opened with, for files that belong to it.
  package let openOptions: OpenOptions
  /// The name that was asked for, which the checkpoint alone does not give.
  private let namedArchitecture: String?
  /// The ONNX file that describes the network, if one does.
  private let description: ONNXModel?
  private let part: ImportedPart
  private let pool: ThreadPool

  /// - Parameters:
  ///   - source: A checkpoint, or an ONNX file, which is checkpoint and description in one.
  ///   - architecture: A name or an ONNX file; nil takes what the metadata name, or recognizes it.
  ///   - part: Nodes of an ONNX file that are imported.
  package init(
    _ source: any CheckpointSource, architecture: String?, part: ImportedPart = .classifier, pool: ThreadPool,
    compute: ComputeOptions = ComputeOptions(), options: OpenOptions
  ) throws {
    self.pool = pool
    self.part = part
    openOptions = options
    let own = (source as? ONNXCheckpoint)?.model
    let isFile = architecture.map(ONNXModel.isNamed) ?? false
    if let architecture, own != nil, !isFile {
      throw Failure(
        .usage, "\(source.label) describes its architecture itself: leave out --arch \(architecture)")
    }
    description = try architecture.flatMap { isFile ? try ONNXModel(path: $0) : nil } ?? own
    namedArchitecture = isFile ? nil : architecture
    self.source =
      own != nil
      ? source
      : description.map { NetworkDescription.view(of: source, onnx: $0) }
        ?? NetworkDescription.view(of: source)
    network = try Self.network(
      self.source, description: description, architecture: namedArchitecture, part: part, pool: pool,
      compute: compute)
  }

  private static func network(
    _ source: any CheckpointSource, description: ONNXModel?, architecture: String?, part: ImportedPart,
    pool: ThreadPool, compute: ComputeOptions
  ) throws -> Network {
    if let description {
      return try Network(source, onnx: description, part: part, pool: pool, options: compute)
    }
    let layers =
      try architecture.map { try NetworkDescription(source, architecture: $0) }
      ?? NetworkDescription(recordedIn: source)
    return try Network(layers, pool: pool, options: compute)
  }

  /// Another network of the same checkpoint, for other arithmetic.
  package func network(_ compute: ComputeOptions) throws -> Network {
    try Self.network(
      source, description: description, architecture: namedArchitecture, part: part, pool: pool,
      compute: compute)
  }

  /// The checkpoint's metadata, with the architecture that was named or assumed, so that the next tool need not be told
  /// again nor say it again, and with what a `config.json` or a training script recorded of images and classes.
  package var metadata: Metadata {
    var metadata = source.metadata
    if let namedArchitecture { metadata[MetadataKey.architecture] = namedArchitecture }
    let layers = network.description
    if !layers.alternatives.isEmpty || layers.assumption != nil {
      metadata[MetadataKey.architecture] = layers.architectureName
    }
    if let recorded = source.origin.model {
      metadata.add(recorded, classCount: layers.isPartial ? nil : network.classCount)
    }
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
  /// - Parameters:
  ///   - classes: number of the classes of something else that takes the place of the checkpoint's classifier.
  ///   - owner: what that is.
  package func check(
    _ dataset: any ImageDataset, classes: Int? = nil, of owner: String = "the new classifier"
  ) throws {
    try dataset.checkLabels(
      classCount: classes ?? network.classCount,
      classifier: classes == nil ? "the classifier of \(source.label)" : owner)
  }
}
