import ArgumentParser
import Checkpoint
import Command
import ImageData

/// The random transforms of training, for tools that can look at images as training did.
package struct AugmentationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Area of a random crop as a fraction of the image (default: 0.08,1).", valueName: "low,high")
  )
  package var area: NumberRange?

  @Option(
    help: ArgumentHelp(
      "Aspect ratio (width/height) of a random crop, from 0.001 to 1000 (default: 0.75,1.3333).",
      valueName: "low,high"))
  package var aspect: NumberRange?

  @Option(help: ArgumentHelp("Probability of mirroring an image (default: 0.5).", valueName: "p"))
  package var hflip: Double?

  @Option(
    help: ArgumentHelp(
      "Random brightness, contrast and saturation (up to 1000) and hue (up to 0.5); a single number sets the first three.",
      valueName: "x|b,c,s,h"))
  package var colorJitter: JitterStrength?

  @Option(
    help: ArgumentHelp(
      "One random operation per image, as in torchvision's TrivialAugmentWide.", valueName: "policy"))
  package var autoAugment: AutoAugment?

  @Option(help: ArgumentHelp("Probability of erasing a random rectangle.", valueName: "p"))
  package var randomErase: Double?

  package init() {}

  package func validate() throws {
    try OptionBounds.check(["--hflip": hflip, "--random-erase": randomErase], .share)
    if let area, area.range.upperBound > 1 {
      throw ValidationError("--area takes two shares from above 0 to 1, the lower first")
    }
    if let aspect {
      try OptionBounds.check(
        ["--aspect": aspect.range.lowerBound, "--aspect": aspect.range.upperBound], .within(0.001...1000))
    }
  }

  /// True if any of the options was given.
  package var isGiven: Bool { !history().isEmpty }

  /// torchvision's usual transforms of training, changed as the options say.
  package func makeAugmentation() -> Augmentation {
    var augmentation = Augmentation()
    if let area { augmentation.area = area.range }
    if let aspect { augmentation.aspectRatio = aspect.range }
    if let hflip { augmentation.flipProbability = hflip }
    augmentation.colorJitter = colorJitter?.jitter
    augmentation.usesTrivialAugment = autoAugment != nil
    augmentation.erasing = randomErase.map { RandomErasing(probability: $0) }
    return augmentation
  }

  /// Settings that the options change.
  package func history() -> [(String, JSON)] {
    var entries: [(String, JSON)] = []
    if let area { entries.append(("area", .string(area.text))) }
    if let aspect { entries.append(("aspect", .string(aspect.text))) }
    if let hflip { entries.append(("hflip", JSON(hflip))) }
    if let colorJitter { entries.append(("color_jitter", .string(colorJitter.text))) }
    if let autoAugment { entries.append(("auto_augment", .string(autoAugment.rawValue))) }
    if let randomErase { entries.append(("random_erase", JSON(randomErase))) }
    return entries
  }

  /// Under torchvision's name for it.
  package enum AutoAugment: String, ExpressibleByArgument, CaseIterable, Sendable {
    case trivialWide = "ta_wide"
  }
}

/// Two numbers above zero, the lower first: `0.08,1`.
package struct NumberRange: ExpressibleByArgument, Sendable {
  package let range: ClosedRange<Double>
  let text: String

  package init?(argument: String) {
    let ends = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard ends.count == 2, let low = ends[0], let high = ends[1], low > 0, low <= high, high.isFinite else {
      return nil
    }
    range = low...high
    text = argument
  }
}

/// `0.4`, or brightness, contrast, saturation and hue by commas.
package struct JitterStrength: ExpressibleByArgument, Sendable {
  let jitter: ColorJitter
  let text: String

  package init?(argument: String) {
    // What is no number is refused as a negative one is.
    var values = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) ?? -1 }
    if values.count == 1 { values = [values[0], values[0], values[0], 0] }
    guard values.count == 4, values.allSatisfy({ $0 >= 0 && $0.isFinite }), values[3] <= 0.5,
      values.allSatisfy({ $0 <= 1000 })
    else {
      return nil
    }
    jitter = ColorJitter(brightness: values[0], contrast: values[1], saturation: values[2], hue: values[3])
    text = argument
  }
}

/// Mixing of the images of a batch, for tools that can look at them as training did.
package struct MixingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "MixUp of each image with its neighbor in the batch, weighted by Beta(a, a), a from 0.001 to 1000.",
      valueName: "a"))
  package var mixup: Double?

  @Option(
    help: ArgumentHelp(
      "CutMix of a box of its neighbor into each image, sized by Beta(a, a), a from 0.001 to 1000.",
      valueName: "a"))
  package var cutmix: Double?

  package init() {}

  package func validate() throws {
    // Beyond these, Beta(a, a) is one value or its two ends, whatever the seed.
    try OptionBounds.check(["--mixup": mixup, "--cutmix": cutmix], .within(0.001...1000))
  }

  /// The mixing that the options ask for; with both, each batch takes one of the two at random.
  package var policy: MixingPolicy { MixingPolicy(mixup: mixup, cutMix: cutmix) }

  package func history() -> [(String, JSON)] {
    var entries: [(String, JSON)] = []
    if let mixup { entries.append(("mixup", JSON(mixup))) }
    if let cutmix { entries.append(("cutmix", JSON(cutmix))) }
    return entries
  }
}
