import ArgumentParser
import Checkpoint
import Command
import NetworkExecution

/// Sharing the work between processes.
struct ClusterOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Share I of N of the batches to measure (I from 0), or the scheduler's: auto, auto/N.",
      valueName: "i/n"))
  var shard: ShardOption?

  @Option(help: ArgumentHelp("Output file for the shard's moments.", valueName: "file"), completion: .file())
  var statsOut: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Parts of all shards, to finish from.", valueName: "file"), completion: .file())
  var merge: [String] = []

  func validate() throws {
    if (shard == nil) != (statsOut == nil) {
      throw ValidationError("--shard and --stats-out go together")
    }
    if shard != nil && !merge.isEmpty { throw ValidationError("--shard and --merge exclude each other") }
  }
}

/// Extent of the statistics that the layers normalize with while the images pass.
struct SynchronizationOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Extent of the statistics that a layer normalizes with: its batch, or all images (layer), which makes batch size and order irrelevant.",
      valueName: "extent"))
  var sync: Synchronization = .batch

  @Option(
    help: ArgumentHelp(
      "Memory for activations with --sync layer; the rest goes to a scratch file in TMPDIR.",
      valueName: "size"))
  var memory = ByteSize(bytes: 4 << 30)

  @Option(
    help: ArgumentHelp(
      "Element type of the activations there; f16 takes half the room and rounds them.", valueName: "type"))
  var scratchDtype = ScratchElement.f32

  enum Synchronization: String, ExpressibleByArgument, CaseIterable { case batch, layer }

  /// With f16 the memory decides what is rounded.
  func history() -> [(String, JSON)] {
    guard sync == .layer else { return [] }
    var entries: [(String, JSON)] = [("sync", .string("layer"))]
    if scratchDtype != .f32 {
      entries += [("scratch_dtype", .string(scratchDtype.rawValue)), ("memory", JSON(memory.bytes))]
    }
    return entries
  }
}

extension ScratchElement: ExpressibleByArgument {}
