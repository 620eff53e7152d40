import ArgumentParser
import Checkpoint
import Command
import ImageData

/// Mixing of the images of a batch, for tools that can look at them as training did.
package struct MixingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("MixUp of each image of a batch with its neighbor, by Beta(a, a).", valueName: "a"))
  package var mixup: Double?

  @Option(
    help: ArgumentHelp("CutMix of a box of its neighbor into each image, by Beta(a, a).", valueName: "a"))
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
