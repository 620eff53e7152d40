import ArgumentParser
import Checkpoint
import Command
import FineTuning
import FoundationEssentials
import ImageData
import NetworkCommand

/// The views that are trained on, and where their features are kept.
struct CacheOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Views to train on: the images as they are tested, mirrored ones too, or random transforms of them.",
      valueName: "kind"))
  var augment = AugmentedDataset.Kind.test

  @Option(
    help: ArgumentHelp("Number of random transforms of each image to keep features of.", valueName: "k"))
  var views = 4

  @OptionGroup var augmentation: AugmentationOptions

  @OptionGroup var mixing: MixingOptions

  @Flag(
    help: "Read and transform the images again in every epoch, which keeps no features and takes far longer.")
  var reread = false

  @Option(
    help: ArgumentHelp("Folder that keeps features for later runs.", valueName: "dir"),
    completion: .directory)
  var cache: String?

  @Option(help: ArgumentHelp("Element type of stored features.", valueName: "type"))
  var cacheDtype = FeatureElement.f32

  @Option(
    help: ArgumentHelp(
      "Memory for features; the rest goes to a scratch file (default: half of the memory).", valueName: "size"
    ))
  var memory: ByteSize?

  func validate() throws {
    try OptionBounds.check(["--views": views], 1...1000)
    if augment != .train && augmentation.isGiven {
      throw ValidationError("the transforms of training need --augment train")
    }
    if mixing.cutmix != nil && !reread {
      throw ValidationError("--cutmix pastes images into one another, not their features: give --reread too")
    }
    if reread && cache != nil {
      throw ValidationError("--reread and --cache exclude each other")
    }
  }

  /// True if the images to train on are decoded more than once: for a fingerprint, or for several views.
  var readsAgain: Bool { reread || cache != nil || augment != .test }

  /// The views of `dataset` to train on.
  func augmented(_ dataset: any ImageDataset, seed: UInt64) -> AugmentedDataset {
    let count =
      switch augment {
      case .test: 1
      case .flip: 2
      case .train: reread ? 1 : views
      }
    return AugmentedDataset(
      base: dataset, kind: augment, views: count,
      augmentation: augment == .train ? augmentation.makeAugmentation() : nil, seed: seed)
  }

  func history() -> [(String, JSON)] {
    var entries: [(String, JSON)] = []
    if augment != .test { entries.append(("augment", .string(augment.rawValue))) }
    if augment == .train && !reread { entries.append(("views", JSON(views))) }
    if augment == .train { entries += augmentation.history() }
    if reread { entries.append(("reread", .bool(true))) }
    entries += mixing.history()
    if cacheDtype != .f32 { entries.append(("cache_dtype", .string(cacheDtype.rawValue))) }
    return entries
  }

  /// Memory for features of `shape`, or a scratch file when `used` bytes and these are over the budget.
  func storage(for shape: FeatureShape, used: Int, console: Console) throws -> FeatureStorage {
    let budget = memory?.bytes ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 2)
    guard used + shape.byteCount > budget else { return try .memory(byteCount: shape.byteCount) }
    let folder = temporaryFolder
    console.detail("\(shape.byteCount >> 20) MiB of features go into a scratch file in \(folder)")
    return try .scratch(byteCount: shape.byteCount, in: folder)
  }
}

extension AugmentedDataset.Kind: ExpressibleByArgument {}
extension FeatureElement: ExpressibleByArgument {}
