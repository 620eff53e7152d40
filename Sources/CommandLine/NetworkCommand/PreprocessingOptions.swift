import ArgumentParser
import Checkpoint
import Command
import ImageData

/// Resizing, cropping and normalization of images: options first, then the checkpoint's metadata, then
/// ImageNet's.
package struct PreprocessingOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Shorter side after resizing.", valueName: "pixels"))
  package var resize: Int?

  @Option(
    help: ArgumentHelp("Side of the center crop, or its height and width (480x640).", valueName: "pixels|hxw")
  )
  package var crop: CropOption?

  @Option(
    name: [.long, .customLong("crop-pct")],
    help: ArgumentHelp(
      "Fraction of the resized side that the crop keeps, such as 0.875; an alternative to --resize.",
      valueName: "r"))
  package var ratio: Double?

  @Option(
    help: ArgumentHelp(
      "Side that --resize sets: the shorter one, both, or the longer one with a border; or letterbox, which fits the "
        + "image into the crop.",
      valueName: "mode"))
  package var resizeMode: ResizeMode?

  @Option(
    help: ArgumentHelp(
      "Value of the pixels around an image in a letterbox (default: 114) or border (default: the mean color).",
      valueName: "0-255"))
  package var pad: Int?

  @OptionGroup package var colour: ColourOptions

  package init() {}

  package func validate() throws {
    try OptionBounds.check(
      ["--resize": resize, "--crop": crop?.height, "--crop": crop?.width], Preprocessing.sizes)
    try OptionBounds.check(["--pad": pad], 0...255)
    if resizeMode == .letterbox && (resize != nil || ratio != nil) {
      throw ValidationError(
        "--resize-mode letterbox fits the image into --crop, so that it takes no --resize or --ratio")
    }
    if resize != nil && ratio != nil { throw ValidationError("--resize and --ratio exclude each other") }
    if let ratio, !Self.ratios.contains(ratio) {
      throw ValidationError("--ratio takes a share from 0.01 to 1, not \(ratio)")
    }
  }

  /// Shares of the resized side that a crop may keep.
  package static let ratios = 0.01...1.0

  /// The preprocessing to use with a model.
  ///
  /// - Parameters:
  ///   - metadata: The model's, or those that an output of it will have.
  ///   - takesRectangles: True if the tool works with crops that are no squares.
  package func resolve(
    _ model: LoadedModel, metadata: Metadata? = nil, takesRectangles: Bool = false, console: Console
  ) throws -> ResolvedPreprocessing {
    let (metadata, label) = (metadata ?? model.metadata, model.source.label)
    let defaults = model.defaults
    let known = try Preprocessing(metadata: { metadata[$0] }, source: label, defaults: defaults)
    var used = known ?? defaults
    if let crop = crop?.size {
      // `--crop` alone keeps the ratio of the two sizes, truncated as torchvision's and timm's scripts do.
      let side = min(crop.height, crop.width)
      used.resize = min(max(side * used.resize / used.crop, 1), Preprocessing.sizes.upperBound)
      used.cropSize = crop
    }
    if let resize { used.resize = resize }
    if let ratio { used.resize = Preprocessing.resize(crop: used.crop, cropPercentage: ratio) }
    if let error = used.recordedSizeError(
      of: label, isCropGiven: crop != nil, isResizeGiven: resize != nil || ratio != nil)
    {
      throw error
    }
    if let resizeMode { used.mode = resizeMode }
    if let pad {
      guard used.mode == .letterbox || used.mode == .border else {
        throw Failure(
          .usage, "--pad has no meaning in the mode \(used.mode.rawValue): nothing is left to fill")
      }
      used.padding = pad
    }
    if used.mode == .letterbox { used.resize = max(used.cropSize.height, used.cropSize.width) }
    try colour.apply(to: &used)
    guard takesRectangles || used.cropSize.isSquare else {
      throw Failure(
        .usage, "\(label): a crop of \(used.cropSize) pixels: this takes a square; pass --crop with one side")
    }
    let isGiven =
      resize != nil || crop != nil || ratio != nil || resizeMode != nil || pad != nil || colour.isGiven
    let scalesInput = model.notesScaledInput(metadata, colour.normalisation, console: console)
    if known == nil && !isGiven {
      console.notice(
        "no preprocessing in \(label): using \(used.summary); set --resize and --crop to change this")
    } else {
      console.detail("preprocessing: \(used.summary)")
      if crop != nil && resize == nil && ratio == nil && used.mode != .letterbox {
        console.notice("--crop \(used.cropSize): images are resized to \(used.resize) first")
      }
    }
    return ResolvedPreprocessing(preprocessing: used, isRecorded: isGiven || scalesInput)
  }
}

/// Interpolation and normalization of the tools that take one preprocessing.
package struct ColourOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Resize filter.", valueName: "filter"))
  package var interpolation: Interpolation?

  @Option(
    help: ArgumentHelp(
      "Order in which the network takes the channels of color images; --mean and --std are in that order.",
      valueName: "rgb|bgr"))
  package var channelOrder: ChannelOrder?

  @OptionGroup package var normalisation: NormalisationOptions

  package init() {}

  package var isGiven: Bool { interpolation != nil || channelOrder != nil || normalisation.isGiven }

  /// - Throws: A usage error for numbers and orders of other channels than the network's.
  package func apply(to preprocessing: inout Preprocessing) throws {
    if let interpolation { preprocessing.interpolation = interpolation }
    if let channelOrder {
      guard preprocessing.channels == 3 else {
        throw Failure(
          .usage, "--channel-order is about three channels, and the network takes \(preprocessing.channels)")
      }
      preprocessing.channelOrder = channelOrder
    }
    try normalisation.apply(to: &preprocessing)
  }
}

/// Normalization, shared by the tools that take one preprocessing and the one that takes many.
package struct NormalisationOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Mean of each channel, for pixels from 0 to 1.", valueName: "r,g,b"))
  var mean: ChannelNumbers?

  @Option(help: ArgumentHelp("Standard deviation of each channel.", valueName: "r,g,b"))
  var std: ChannelNumbers?

  package init() {}

  package func validate() throws {
    if let std, std.values.contains(where: { $0 <= 0 }) {
      throw ValidationError("--std takes numbers above zero")
    }
  }

  package var isGiven: Bool { mean != nil || std != nil }

  /// - Throws: A usage error for numbers of other channels than the network's.
  package func apply(to preprocessing: inout Preprocessing) throws {
    if let mean { preprocessing.mean = try mean.values(channels: preprocessing.channels, "--mean") }
    if let std { preprocessing.std = try std.values(channels: preprocessing.channels, "--std") }
  }
}

extension LoadedModel {
  /// The preprocessing of a checkpoint that records none: ImageNet's, with the normalization that torchvision's
  /// weights of this network were trained for.
  package var defaults: Preprocessing {
    var defaults = Preprocessing.imageNet
    let channels = network.inputChannels
    if channels != 3, Preprocessing.channelCounts.contains(channels) {
      // Nobody's usual numbers: values from 0 to 1 as they are.
      let numbers = (
        zeros: Array(repeating: Float(0), count: channels), ones: Array(repeating: Float(1), count: channels)
      )
      return Preprocessing(
        resize: defaults.resize, crop: defaults.crop, interpolation: defaults.interpolation,
        mean: numbers.zeros, std: numbers.ones)
    }
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

/// Numbers for the channels, from `0.485,0.456,0.406` or one number for all.
struct ChannelNumbers: ExpressibleByArgument {
  let values: [Float]

  init?(argument: String) {
    let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Float($0) }
    guard numbers.allSatisfy({ $0?.isFinite ?? false }), Preprocessing.channelCounts.contains(numbers.count)
    else { return nil }
    values = numbers.map { $0! }
  }

  /// One number for each channel.
  /// - Throws: A usage error that names `option` where there are others.
  func values(channels: Int, _ option: String) throws -> [Float] {
    if values.count == 1 { return Array(repeating: values[0], count: channels) }
    guard values.count == channels else {
      throw Failure(
        .usage,
        "\(option) has \(values.count) numbers, and the network takes \(channels) channel\(channels == 1 ? "" : "s")"
      )
    }
    return values
  }
}

/// A side of a square, or height and width: `640`, `480x640`.
package struct CropOption: ExpressibleByArgument, Sendable {
  package let height: Int
  package let width: Int

  package init?(argument: String) {
    let sides = argument.split(separator: "x", omittingEmptySubsequences: false).map { Int($0) }
    guard sides.count == 1 || sides.count == 2, let height = sides[0], let width = sides[sides.count - 1]
    else {
      return nil
    }
    (self.height, self.width) = (height, width)
  }

  var size: CropSize { CropSize(height: height, width: width) }
}

extension Interpolation: ExpressibleByArgument {}
extension ResizeMode: ExpressibleByArgument {}
extension ChannelOrder: ExpressibleByArgument {}

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
