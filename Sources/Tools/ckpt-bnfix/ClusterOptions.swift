import ArgumentParser
import Command

/// Sharing the work between processes.
struct ClusterOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "Measure only share I of N of the batches (I from 0), or what the scheduler says: auto, auto/N.",
      valueName: "i/n"))
  var shard: ShardOption?

  @Option(
    name: .long, help: ArgumentHelp("Where the shard's moments go.", valueName: "file"), completion: .file())
  var statsOut: String?

  @Option(
    name: .long, parsing: .upToNextOption,
    help: ArgumentHelp("Finish from the parts of all shards.", valueName: "file"), completion: .file())
  var merge: [String] = []

  func validate() throws {
    if (shard == nil) != (statsOut == nil) {
      throw ValidationError("--shard and --stats-out go together")
    }
    if shard != nil && !merge.isEmpty { throw ValidationError("--shard and --merge exclude each other") }
  }
}
