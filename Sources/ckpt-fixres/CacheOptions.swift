import ArgumentParser
import Checkpoint
import ClassifierTuning
import CommandSupport
import Foundation
import ImageData

/// Where features are kept.
struct CacheOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "What is trained on: test (the images as they are tested), flip (mirrored ones too), train (random crops).",
      valueName: "kind"))
  var augment = AugmentedDataset.Kind.test

  @Option(name: .long, help: ArgumentHelp("Random crops per image to keep features of.", valueName: "k"))
  var views = 4

  @Option(
    name: .long, help: ArgumentHelp("Keep features in this folder for later runs.", valueName: "folder"),
    completion: .directory)
  var cache: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      FeatureElement.allCases.map(\.rawValue).joined(separator: ", ") + ": how features are stored.",
      valueName: "type"))
  var cacheDtype = FeatureElement.f32

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Features beyond this size go into a scratch file (default: half of the memory).", valueName: "size"))
  var memory: ByteSize?

  func validate() throws {
    guard (1...1000).contains(views) else { throw ValidationError("--views takes a number from 1 to 1000") }
  }

  /// The views of `dataset` to train on.
  func augmented(
    _ dataset: any ImageDataset, preprocessing: Preprocessing, seed: UInt64
  ) -> AugmentedDataset {
    let count =
      switch augment {
      case .test: 1
      case .flip: 2
      case .train: views
      }
    return AugmentedDataset(
      base: dataset, kind: augment, views: count, side: preprocessing.crop,
      interpolation: preprocessing.interpolation, seed: seed)
  }

  func history() -> [(String, JSON)] {
    switch augment {
    case .test: []
    case .flip: [("augment", .string("flip"))]
    case .train: [("augment", .string("train")), ("views", JSON(views))]
    }
  }

  /// Memory for features of `shape`, or a scratch file when `used` bytes and these are over the budget.
  func storage(for shape: FeatureShape, used: Int, console: Console) throws -> FeatureStorage {
    let budget = memory?.bytes ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 2)
    guard used + shape.byteCount > budget else { return try .memory(byteCount: shape.byteCount) }
    let folder = scratchFolder()
    console.detail("\(shape.byteCount >> 20) MiB of features go into a scratch file in \(folder)")
    return try .scratch(byteCount: shape.byteCount, in: folder)
  }
}

extension AugmentedDataset.Kind: ExpressibleByArgument {}
extension FeatureElement: ExpressibleByArgument {}
