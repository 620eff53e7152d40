import ArgumentParser
import Command

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
