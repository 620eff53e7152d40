import ArgumentParser
import Checkpoint
import Command
import NetworkExecution

/// Sharing the work between processes.
struct ClusterOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Shard I of N of the batches (I from 0), or from the scheduler: auto, auto/N.",
      valueName: "i/n"))
  var shard: ShardOption?

  @Option(help: ArgumentHelp("Output file for the shard's moments.", valueName: "file"), completion: .file())
  var statsOut: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("Parts of all shards to combine.", valueName: "file"), completion: .file())
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
      "Statistics that a layer normalizes by: those of its batch, or of all images (layer), independent of batch size and order.",
      valueName: "extent"))
  var sync: Synchronization = .batch

  @Option(
    help: ArgumentHelp(
      "Memory for activations with --sync layer; the rest goes to a scratch file in TMPDIR.",
      valueName: "size"))
  var memory = ByteSize(bytes: 4 << 30)

  @Option(
    help: ArgumentHelp(
      "Element type of activations in the scratch file; f16 halves its size and rounds them.",
      valueName: "type"))
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
