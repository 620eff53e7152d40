/// A checkpoint file's own statements besides its tensors and metadata.
public struct CheckpointOrigin: Sendable {
  /// The state dict that was taken from a file that may hold several; nil for formats without levels.
  public var stateDict: StateDictChoice?
  /// Prefix that wrappers had put before every name and that was removed, such as `module.`.
  public var wrapper = ""
  /// Number of models that a PyTorch `AveragedModel` says it is the average of (`n_averaged`); nil for other files.
  public var averagedModelCount: Double?
  /// Groups of tensors that share their data, so that a change of one changes the others.
  public var tiedTensors: [[TensorName]] = []
  /// Network and images as the file or the `config.json` next to it describe them.
  public var model: RecordedModel?
  /// The `config.json` of a model folder.
  public var configuration: ModelConfiguration?

  /// - Parameter tiedTensors: Groups of tensors that share their data.
  public init(tiedTensors: [[TensorName]] = []) { self.tiedTensors = tiedTensors }
}

/// The state dict that was taken from a file that may hold several.
public struct StateDictChoice: Sendable, Equatable {
  /// Why it was taken.
  public enum Reason: Sendable, Equatable {
    /// It was asked for.
    case requested
    /// There is no other.
    case only
    /// It holds the averaged weights of the training run.
    case averaged
  }

  /// Where it stood, levels separated by `/`; empty for the top level.
  public var key: String
  /// Why it was taken.
  public var reason: Reason
  /// True if it holds averaged weights, as far as the file records it.
  public var isAverage: Bool
  /// Raw weights of the same run that were not taken.
  public var passedOver: [String]
}

/// A checkpoint's own description of its network and of the images that it was made for.
///
///     let source = try openCheckpoint(.path("run/model_best.pth.tar"))
///     if let model = source.origin.model {
///       print(model.architecture ?? "?", model.preprocessing.inputSize ?? [])   // resnet18 [3, 224, 224]
///     }
public struct RecordedModel: Sendable, Equatable {
  /// Where it is written.
  public enum Source: String, Sendable {
    /// The `config.json` of a model folder.
    case configuration = "config.json"
    /// `arch` or `args` of a checkpoint of timm's training script, or of one that follows it.
    case timm = "arch and args"
    /// `args` of torchvision's reference training.
    case torchvision = "args.model"
    /// `hyper_parameters` of a Lightning module.
    case lightning = "hyper_parameters"
  }

  /// Name of the architecture as it stands there, for example `resnet18` or `resnet18.a1_in1k`.
  public var architecture: String?
  /// Arguments of the architecture that change what it computes, as `name=value`: a network that was built with them is
  /// not the published one. Those that only matter in training are left out.
  public var arguments: [String] = []
  /// timm's `global_pool`: the reduction before the classifier, such as `avg` or `token`. timm writes it even if it is the
  /// network's own.
  public var pooling: String?
  /// Number of classes.
  public var classCount: Int?
  /// Names of the classes, in the order of the logits.
  public var classNames: [String]?
  /// Sizes, interpolation and normalization; values for tests where they differ from those for training.
  public var preprocessing = RecordedPreprocessing()
  /// Where it is written.
  public var source: Source

  /// - Parameter source: Where it is written.
  public init(source: Source) { self.source = source }

  /// True if it says nothing.
  var isEmpty: Bool { self == RecordedModel(source: source) }
}

/// Sizes, interpolation and normalization as a file states them; nil where it does not.
public struct RecordedPreprocessing: Sendable, Equatable {
  /// Channels, height and width of the network's input.
  public var inputSize: [Int]?
  /// Pixels of the shorter side after resizing, where it is written as such.
  public var resize: Int?
  /// Share of the resized image that the crop keeps: the resized side is `floor(size / share)`.
  public var cropShare: Double?
  /// Mode of the crop: timm's `center`, `squash` or `border`.
  public var cropMode: String?
  /// Filter of the resize, for example `bicubic`.
  public var interpolation: String?
  /// Mean of each channel, of pixels from 0 to 1.
  public var mean: [Double]?
  /// Standard deviation of each channel.
  public var std: [Double]?

  /// Lengths in pixels that options and metadata may ask for; memory grows with their square.
  public static let sizes = 1...16384
  /// Filters of the resize that the tools have.
  package static let filters = ["nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"]

  /// Creates a record without entries.
  public init() {}

  /// The record as `ckpt.*` metadata, without what it does not state; empty where it states no square size, or a filter that
  /// the tools do not have.
  ///
  /// A size without a resize or a share is timm's, whose default share is 0.875. The resized side is truncated, as timm does.
  public var metadataEntries: [String: String] {
    guard let size = inputSize, size.count == 3, size[1] == size[2], Self.sizes.contains(size[1]),
      interpolation.map(Self.filters.contains) ?? true
    else { return [:] }
    let resized = resize.map(Double.init) ?? (Double(size[1]) / (cropShare ?? 0.875)).rounded(.down)
    guard let resized = Int(exactly: resized), Self.sizes.contains(resized) else { return [:] }
    var entries = [MetadataKey.crop: "\(size[1])", MetadataKey.resize: "\(resized)"]
    entries[MetadataKey.interpolation] = interpolation
    if let cropMode, ["squash", "border"].contains(cropMode) { entries[MetadataKey.resizeMode] = cropMode }
    let decimals = { (values: [Double]) in values.map { "\(Float($0))" }.joined(separator: ",") }
    if let mean, mean.count == 3 { entries[MetadataKey.mean] = decimals(mean) }
    if let std, std.count == 3, std.allSatisfy({ $0 > 0 }) { entries[MetadataKey.std] = decimals(std) }
    return entries
  }
}

extension CheckpointSource {
  /// The metadata for an output that has neither the `config.json` nor the training arguments of this checkpoint: with the
  /// architecture that they name, what it was built with, its classes and the preprocessing.
  ///
  /// Names in the hyperparameters of a Lightning module are its author's and say nothing for certain. Recorded sizes in the
  /// metadata win over those of the training as a whole.
  public var standaloneMetadata: Metadata {
    var metadata = metadata
    if metadata[MetadataKey.architecture] == nil, let model = origin.model, model.source != .lightning,
      let name = model.architecture
    {
      // Tags of timm's weights follow the architecture's name.
      let bare = String(decoding: name.utf8.prefix { $0 != UInt8(ascii: ".") }, as: UTF8.self)
      // Networks without a class token have one way of pooling, unless another is asked for.
      let hasToken = tensors.contains { $0.name.string.hasSuffix("cls_token") }
      let pooling = model.pooling.flatMap { $0 == "avg" && !hasToken ? nil : "global_pool=\($0)" }
      metadata[MetadataKey.architecture] =
        ([bare] + model.arguments + (pooling.map { [$0] } ?? [])).joined(separator: " ")
    }
    if let model = origin.model { metadata.add(model, classCount: model.classCount) }
    return metadata
  }
}

extension Metadata {
  /// Adds the classes, if they are as many as given, and the preprocessing that a file describes, where nothing is recorded
  /// yet.
  package mutating func add(_ model: RecordedModel, classCount: Int?) {
    if let names = model.classNames, names.count == classCount ?? names.count,
      self[MetadataKey.classes] == nil
    {
      self[MetadataKey.classes] = JSON.array(names.map { .string($0) }).encoded()
    }
    guard self[MetadataKey.crop] == nil, self[MetadataKey.resize] == nil else { return }
    for (key, value) in model.preprocessing.metadataEntries where self[key] == nil { self[key] = value }
  }
}

extension RecordedModel {
  /// A `config.json` of timm and the Hugging Face hub: the values of `pretrained_cfg`, or of the top level in older files;
  /// those for tests win.
  init?(configuration json: JSON) {
    self.init(source: .configuration)
    let cfg = json["pretrained_cfg"] ?? json
    architecture = json["architecture"]?.text ?? cfg["architecture"]?.text
    arguments = Self.decisive(json["model_args"])
    pooling = json["model_args"]?["global_pool"]?.text
    classCount = (json["num_classes"] ?? cfg["num_classes"])?.intValue
    let names = json["label_names"] ?? cfg["label_names"] ?? (json["labels"] ?? cfg["labels"])
    classNames = names?.arrayValue.flatMap { array in
      let texts = array.compactMap(\.stringValue)
      return texts.count == array.count && !texts.isEmpty ? texts : nil
    }
    preprocessing.inputSize = cfg["test_input_size"]?.integers(3) ?? cfg["input_size"]?.integers(3)
    preprocessing.cropShare = cfg["test_crop_pct"]?.share ?? cfg["crop_pct"]?.share
    preprocessing.cropMode = cfg["crop_mode"]?.text
    preprocessing.interpolation = cfg["interpolation"]?.text
    preprocessing.mean = cfg["mean"]?.numbers
    preprocessing.std = cfg["std"]?.numbers
    guard architecture != nil else { return nil }
  }

  /// Arguments of timm's `create_model` without those that change nothing in a test, or only shapes, which show.
  private static func decisive(_ arguments: JSON?) -> [String] {
    let harmless = [
      "num_classes", "in_chans", "img_size", "drop_rate", "drop_path_rate", "drop_block_rate",
      "drop_connect_rate",
      "attn_drop_rate", "proj_drop_rate", "pos_drop_rate", "patch_drop_rate", "bn_momentum", "zero_init_last",
      "weight_init", "pretrained", "pretrained_cfg", "checkpoint_path", "scriptable", "exportable", "no_jit",
    ].map { TensorName($0) }
    return (arguments?.objectValue ?? []).filter { name, value in
      let isPooling = TensorName(name) == TensorName("global_pool") && value.stringValue != nil
      return value != .null && !isPooling && !harmless.contains(TensorName(name))
    }.map { name, value in "\(name)=\(value.stringValue ?? value.encoded())" }
  }

  /// The arguments of torchvision's reference training.
  fileprivate init(torchvision args: JSON) {
    self.init(source: .torchvision)
    architecture = args["model"]?.text
    if let size = args["val_crop_size"]?.size { preprocessing.inputSize = [3, size, size] }
    preprocessing.resize = args["val_resize_size"]?.size
    preprocessing.interpolation = args["interpolation"]?.text
    // The script normalizes so. Networks that start from published weights may scale that again (`transform_input`).
    if args["weights"] == .some(.null) || args["pretrained"] == .some(.bool(false)) {
      preprocessing.mean = [0.485, 0.456, 0.406]
      preprocessing.std = [0.229, 0.224, 0.225]
    }
  }

  /// The architecture and the arguments of timm's training script.
  fileprivate init(timm arch: String?, _ args: JSON) {
    self.init(source: .timm)
    architecture = arch ?? args["model"]?.text ?? args["arch"]?.text
    pooling = args["gp"]?.text ?? args["model_kwargs"]?["global_pool"]?.text
    var named = args["bn_eps"].map { [("bn_eps", $0)] } ?? []
    if args["bn_tf"] == .bool(true) { named.append(("bn_tf", .bool(true))) }
    arguments = Self.decisive(.object(named)) + Self.decisive(args["model_kwargs"])
    classCount = args["num_classes"]?.size
    preprocessing.inputSize =
      args["input_size"]?.integers(3) ?? args["img_size"]?.size.map { [args["in_chans"]?.size ?? 3, $0, $0] }
    preprocessing.cropShare = args["crop_pct"]?.share
    preprocessing.cropMode = args["crop_mode"]?.text
    preprocessing.interpolation = args["interpolation"]?.text
    preprocessing.mean = args["mean"]?.numbers
    preprocessing.std = args["std"]?.numbers
  }

  /// The hyperparameters of a Lightning module, whose names are up to its author.
  fileprivate init(lightning hyperparameters: JSON) {
    self.init(source: .lightning)
    let names = ["arch", "architecture", "model_name", "model", "backbone", "encoder", "net"]
    architecture = names.lazy.compactMap { hyperparameters[$0]?.text }.first
    classCount = ["num_classes", "n_classes", "classes"].lazy.compactMap { hyperparameters[$0]?.size }.first
    if let size = ["img_size", "image_size", "input_size"].lazy.compactMap({ hyperparameters[$0]?.size })
      .first
    {
      preprocessing.inputSize = [3, size, size]
    }
  }
}

extension PickleGraph {
  /// Model described by the file of a training script, from texts and numbers alone.
  func recordedModel(root: Reference) -> RecordedModel? {
    let arch = member("arch", of: root).flatMap(string)
    let args = member("args", of: root).map(json) ?? .null
    var models: [RecordedModel] = []
    if args["val_crop_size"] != nil || args["val_resize_size"] != nil {
      models.append(RecordedModel(torchvision: args))
    }
    models.append(RecordedModel(timm: arch, args))
    if let hyperparameters = member("hyper_parameters", of: root) {
      models.append(RecordedModel(lightning: json(hyperparameters)))
    }
    return models.first { !$0.isEmpty }
  }
}

extension JSON {
  /// A text that is not empty.
  fileprivate var text: String? { stringValue.flatMap { $0.isEmpty ? nil : $0 } }

  /// A whole number above zero.
  fileprivate var size: Int? { intValue.flatMap { $0 > 0 ? $0 : nil } }

  /// A number above 0 and up to 1.
  fileprivate var share: Double? { doubleValue.flatMap { $0 > 0 && $0 <= 1 ? $0 : nil } }

  /// The given number of positive whole numbers.
  fileprivate func integers(_ count: Int) -> [Int]? {
    guard let values = arrayValue?.compactMap(\.size), values.count == count, arrayValue?.count == count
    else { return nil }
    return values
  }

  /// Numbers, at least one.
  fileprivate var numbers: [Double]? {
    guard let values = arrayValue?.compactMap(\.doubleValue), values.count == arrayValue?.count,
      !values.isEmpty
    else { return nil }
    return values
  }
}
