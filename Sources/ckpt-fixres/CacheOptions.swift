import ArgumentParser
import ClassifierTuning
import CommandSupport
import Foundation

/// Where features are kept.
struct CacheOptions: ParsableArguments {
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

  /// Memory for features of `shape`, or a scratch file when `used` bytes and these are over the budget.
  func storage(for shape: FeatureShape, used: Int, console: Console) throws -> FeatureStorage {
    let budget = memory?.bytes ?? Int(clamping: ProcessInfo.processInfo.physicalMemory / 2)
    guard used + shape.byteCount > budget else { return try .memory(byteCount: shape.byteCount) }
    let folder = scratchFolder()
    console.detail("\(shape.byteCount >> 20) MiB of features go into a scratch file in \(folder)")
    return try .scratch(byteCount: shape.byteCount, in: folder)
  }
}

extension FeatureElement: ExpressibleByArgument {}
