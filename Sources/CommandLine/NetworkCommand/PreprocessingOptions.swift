import ArgumentParser
import Checkpoint
import Command
import ImageData

/// Resizing, cropping and normalization of images: options first, then the checkpoint's metadata, then
/// ImageNet's.
package struct PreprocessingOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Shorter side after resizing.", valueName: "pixels"))
  package var resize: Int?

  @Option(help: ArgumentHelp("Side of the center crop.", valueName: "pixels"))
  package var crop: Int?

  @Option(
    name: [.long, .customLong("crop-pct")],
    help: ArgumentHelp(
      "Fraction of the resized side that the crop keeps, such as 0.875; an alternative to --resize.",
      valueName: "r"))
  package var ratio: Double?

  @Option(
    help: ArgumentHelp(
      "Side that --resize sets: the shorter one, both, or the longer one with a border.",
      valueName: "mode"))
  package var resizeMode: ResizeMode?

  @OptionGroup package var colour: ColourOptions

  package init() {}

  package func validate() throws {
    try OptionBounds.check(["--resize": resize, "--crop": crop], Preprocessing.sizes)
    if resize != nil && ratio != nil { throw ValidationError("--resize and --ratio exclude each other") }
    if let ratio, !Self.ratios.contains(ratio) {
      throw ValidationError("--ratio takes a share from 0.01 to 1, not \(ratio)")
    }
  }

  /// Shares of the resized side that a crop may keep.
  package static let ratios = 0.01...1.0

  /// The preprocessing to use with a model.
  ///
  /// - Parameter metadata: The model's, or those that an output of it will have.
  package func resolve(_ model: LoadedModel, metadata: Metadata? = nil, console: Console) throws
    -> ResolvedPreprocessing
  {
    let (metadata, label) = (metadata ?? model.metadata, model.source.label)
    let defaults = model.defaults
    let known = try Preprocessing(metadata: { metadata[$0] }, source: label, defaults: defaults)
    var used = known ?? defaults
    if let crop {
      // `--crop` alone keeps the ratio of the two sizes, truncated as torchvision's and timm's scripts do.
      used.resize = min(max(crop * used.resize / used.crop, 1), Preprocessing.sizes.upperBound)
      used.crop = crop
    }
    if let resize { used.resize = resize }
    if let ratio { used.resize = Preprocessing.resize(crop: used.crop, cropPercentage: ratio) }
    if let error = used.recordedSizeError(
      of: label, isCropGiven: crop != nil, isResizeGiven: resize != nil || ratio != nil)
    {
      throw error
    }
    if let resizeMode { used.mode = resizeMode }
    colour.apply(to: &used)
    let isGiven = resize != nil || crop != nil || ratio != nil || resizeMode != nil || colour.isGiven
    let scalesInput = model.notesScaledInput(metadata, colour.normalisation, console: console)
    if known == nil && !isGiven {
      console.notice(
        "no preprocessing in \(label): using \(used.summary); set --resize and --crop to change this")
    } else {
      console.detail("preprocessing: \(used.summary)")
    }
    return ResolvedPreprocessing(preprocessing: used, isRecorded: isGiven || scalesInput)
  }
}

/// Interpolation and normalization of the tools that take one preprocessing.
package struct ColourOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Resize filter.", valueName: "filter"))
  package var interpolation: Interpolation?

  @OptionGroup package var normalisation: NormalisationOptions

  package init() {}

  package var isGiven: Bool { interpolation != nil || normalisation.isGiven }

  package func apply(to preprocessing: inout Preprocessing) {
    if let interpolation { preprocessing.interpolation = interpolation }
    normalisation.apply(to: &preprocessing)
  }
}

/// Normalization, shared by the tools that take one preprocessing and the one that takes many.
package struct NormalisationOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Mean of each channel, for pixels from 0 to 1.", valueName: "r,g,b"))
  var mean: ChannelTriple?

  @Option(help: ArgumentHelp("Standard deviation of each channel.", valueName: "r,g,b"))
  var std: ChannelTriple?

  package init() {}

  package func validate() throws {
    if let std, std.values.contains(where: { $0 <= 0 }) {
      throw ValidationError("--std takes three numbers above zero")
    }
  }

  package var isGiven: Bool { mean != nil || std != nil }

  package func apply(to preprocessing: inout Preprocessing) {
    if let mean { preprocessing.mean = mean.values }
    if let std { preprocessing.std = std.values }
  }
}

extension LoadedModel {
  /// The preprocessing of a checkpoint that records none: ImageNet's, with the normalization that torchvision's
  /// weights of this network were trained for.
  package var defaults: Preprocessing {
    var defaults = Preprocessing.imageNet
    if network.description.transformsInput {
      // `transform_input` turns images normalized as ImageNet's into ones scaled to ±1, which is this.
      (defaults.mean, defaults.std) = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
    }
    return defaults
  }

  /// Says in one line that inputs are scaled to ±1, if neither metadata nor options say how they are normalized.
  ///
  /// - Returns: True if so.
  package func notesScaledInput(
    _ metadata: Metadata, _ options: NormalisationOptions, console: Console
  ) -> Bool {
    guard network.description.transformsInput, options.mean == nil, options.std == nil,
      metadata[MetadataKey.mean] == nil, metadata[MetadataKey.std] == nil
    else { return false }
    console.notice(
      "\(source.label): inputs are scaled to ±1, as torchvision's pretrained \(network.architectureName) does with transform_input; --mean and --std say otherwise"
    )
    return true
  }
}

/// The preprocessing in use, and whether it is to be written into the output's metadata.
package struct ResolvedPreprocessing: Sendable {
  package let preprocessing: Preprocessing
  let isRecorded: Bool

  /// Writes the preprocessing into `metadata` if options had a part in it; defaults are never recorded.
  package func record(in metadata: inout Metadata) {
    guard isRecorded else { return }
    for (key, value) in preprocessing.metadataEntries { metadata[key] = value }
  }
}

/// Three numbers for the three channels, from `0.485,0.456,0.406` or one number for all.
struct ChannelTriple: ExpressibleByArgument {
  let values: [Float]

  init?(argument: String) {
    let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
    guard numbers.allSatisfy({ $0?.isFinite ?? false }), numbers.count == 3 || numbers.count == 1 else {
      return nil
    }
    values = numbers.count == 3 ? numbers.map { $0! } : Array(repeating: numbers[0]!, count: 3)
  }
}

extension Interpolation: ExpressibleByArgument {}
extension ResizeMode: ExpressibleByArgument {}

extension Preprocessing {
  /// The settings as options of a provenance entry: without the prefix that distinguishes them in the
  /// metadata.
  package func history() -> [(String, JSON)] {
    metadataEntries.sorted { $0.key < $1.key }.map { key, value in
      (
        key.hasPrefix(MetadataKey.prefix) ? String(key.dropFirst(MetadataKey.prefix.count)) : key,
        .string(value)
      )
    }
  }
}
