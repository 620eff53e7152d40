import ArgumentParser
import Checkpoint
import Command
import Evaluation
import FoundationEssentials
import NetworkExecution
import Platform
import ResolutionSweep

/// Sweeps that are divided among machines or continued later.
struct PartOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Shard I of N of the images (I from 0), or from the scheduler: auto, auto/N.",
      valueName: "i/n"))
  var shard: ShardOption?

  @Option(
    help: ArgumentHelp(
      "State file with the measurements, to continue from; settings that it lacks are added.",
      valueName: "file"),
    completion: .file())
  var state: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("States of all shards to choose from, instead of measuring.", valueName: "file"),
    completion: .file())
  var merge: [String] = []

  func validate() throws {
    if shard != nil && state == nil { throw ValidationError("--shard needs --state for what it measures") }
    if !merge.isEmpty && (shard != nil || state != nil) {
      throw ValidationError("--merge excludes --shard and --state")
    }
  }

  /// The share of this process.
  func resolvedShard() throws -> Shard {
    try shard?.resolve(environment: ProcessInfo.processInfo.environment) ?? Shard(index: 0, count: 1)!
  }

  /// The state that an earlier run left, if there is one.
  ///
  /// - Throws: `SweepError.badPart` when it is of other images, checkpoints or options.
  func earlier(_ recipe: SweepPart.Recipe, shard: Shard, networks: [Network]) throws -> SweepPart? {
    guard let state, FileManager.default.fileExists(atPath: state) else { return nil }
    let part = try SweepPart(reading: openCheckpoint(.path(state)), for: (recipe, shard))
    try check(part.recalibrations, networks, of: state)
    return part
  }

  /// Refuses statistics that are not of the networks' layers.
  func check(_ recalibrations: [Recalibration], _ networks: [Network], of path: String) throws {
    guard recalibrations.allSatisfy({ networks[$0.network].fits($0.statistics) }) else {
      throw SweepError.badPart(path, "its BatchNorm statistics are not of this network's layers")
    }
  }

  /// Writes the state; the old one stays until the new one is complete.
  func save(_ part: SweepPart) throws {
    guard let state else { return }
    let (tensors, metadata) = try part.encoded()
    let specs = tensors.map { TensorSpec(name: $0.key, dtype: $0.value.dtype, shape: $0.value.shape) }
    let writer = try CheckpointWriter(to: .path(state), tensors: specs, metadata: metadata)
    for spec in writer.order { try writer.write(tensors[spec.name]!) }
    try writer.finish()
  }

  /// The whole of the parts to merge.
  func merged() throws -> SweepPart {
    try SweepPart.merged(merge.map { (name: $0, part: try SweepPart(reading: openCheckpoint(.path($0)))) })
  }
}
