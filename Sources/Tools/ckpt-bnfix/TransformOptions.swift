import ArgumentParser
import Checkpoint
import ImageData
import NetworkCommand

/// Transforms of the images: those of testing or those of training.
struct TransformOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Image transforms: test-time preprocessing (none) or random training transforms (train).",
      valueName: "kind"))
  var augment: TransformSet = .none

  @OptionGroup var augmentation: AugmentationOptions

  @OptionGroup var mixing: MixingOptions

  enum TransformSet: String, ExpressibleByArgument, CaseIterable { case none, train }

  func validate() throws {
    if augment == .none && history().count > 0 {
      throw ValidationError("the transforms of training need --augment train")
    }
  }

  /// The random transforms of every image, nil for none.
  var perImage: Augmentation? { augment == .train ? augmentation.makeAugmentation() : nil }

  func history() -> [(String, JSON)] {
    var entries: [(String, JSON)] = []
    if augment != .none { entries.append(("augment", .string(augment.rawValue))) }
    entries += augmentation.history()
    entries += mixing.history()
    return entries
  }
}

/// The images to measure.
struct ImageOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Images to use.", valueName: "dataset"), completion: .directory)
  var data: String?
}
