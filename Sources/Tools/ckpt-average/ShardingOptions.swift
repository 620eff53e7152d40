import ArgumentParser
import Command
import FoundationEssentials
import Platform

/// Output as a set of several files, which several processes may write.
struct ShardingOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Maximum file size of a sharded set to write into the folder -o.", valueName: "size"))
  var maxShardSize: ByteSize?

  @Option(
    help: ArgumentHelp(
      "Share of the set's files that this process writes, counted from 0; auto and auto/N take it from the scheduler.",
      valueName: "i/n|auto"))
  var shard: ShardOption?

  func validate() throws {
    if let maxShardSize, maxShardSize.bytes == 0 { throw ValidationError("--max-shard-size must not be 0") }
    if shard != nil && maxShardSize == nil {
      throw ValidationError("--shard divides the files of a set: give --max-shard-size")
    }
  }

  /// The share of this process; nil for all.
  func resolved() throws -> Shard? {
    try shard?.resolve(environment: ProcessInfo.processInfo.environment)
  }
}
