import ArgumentParser
import Checkpoint
import CommandSupport
import ImageData
import TensorMath

/// Whether the statistics are those of test images or of training images.
struct TransformOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "Look at images as they are tested (none) or through the random transforms of training (train).",
      valueName: "none|train"))
  var augment: Kind = .none

  @OptionGroup var augmentation: AugmentationOptions

  @Option(
    name: .long,
    help: ArgumentHelp("Mix each image with its neighbour in the batch, by Beta(a, a).", valueName: "a"))
  var mixup: Double?

  @Option(
    name: .long,
    help: ArgumentHelp("Paste a box of its neighbour into each image, by Beta(a, a).", valueName: "a"))
  var cutmix: Double?

  enum Kind: String, ExpressibleByArgument, CaseIterable { case none, train }

  func validate() throws {
    for (name, value) in [("--mixup", mixup), ("--cutmix", cutmix)] {
      if let value, !(value > 0 && value.isFinite) {
        throw ValidationError("\(name) takes a number above zero, not \(value)")
      }
    }
    if augment == .none && history().count > 0 {
      throw ValidationError("the transforms of training need --augment train")
    }
  }

  /// The random transforms of every image, nil for none.
  var perImage: Augmentation? { augment == .train ? augmentation.makeAugmentation() : nil }

  /// Mixes the images of a batch; with both kinds asked for, each batch takes one at random, as torchvision's
  /// reference does.
  ///
  /// - Parameter number: the batch's place in the order of the data, which with the seed alone decides.
  func mix(_ batch: ImageBatch, number: Int, seed: UInt64) {
    let kinds = [mixup.map(BatchMixing.mixup), cutmix.map(BatchMixing.cutMix)].compactMap { $0 }
    guard !kinds.isEmpty else { return }
    // Not the seeds of the images' transforms, which count up from the same seed.
    var scrambler = SeededGenerator(seed: ~seed &+ UInt64(number))
    var generator = SeededGenerator(seed: scrambler.next())
    _ = kinds[generator.integer(below: kinds.count)].apply(to: batch, using: &generator)
  }

  func history() -> [(String, JSON)] {
    var entries: [(String, JSON)] = []
    if augment != .none { entries.append(("augment", .string(augment.rawValue))) }
    entries += augmentation.history()
    if let mixup { entries.append(("mixup", JSON(mixup))) }
    if let cutmix { entries.append(("cutmix", JSON(cutmix))) }
    return entries
  }
}
