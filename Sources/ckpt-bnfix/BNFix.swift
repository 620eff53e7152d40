import ArgumentParser
import BatchNormCalibration
import Checkpoint
import CommandSupport
import Foundation
import ImageData

@main
struct BNFix: CheckpointTool {
  static let configuration = CommandConfiguration(
    commandName: "ckpt-bnfix",
    abstract: "Recompute the BatchNorm running statistics of a checkpoint over a data set.",
    discussion: """
      After averaging checkpoints the stored statistics belong to none of the weights. Images are read in a \
      seeded shuffled order; labels are not needed.
      """,
    version: versionText("ckpt-bnfix"))

  @OptionGroup(title: "Input and output") var model: ModelOptions
  @OptionGroup(title: "Input and output") var output: OutputOptions

  @Option(name: .long, help: ArgumentHelp("Images to use.", valueName: "dataset"), completion: .directory)
  var data: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "How batches combine: \(Estimator.allCases.map(\.rawValue).joined(separator: ", ")).",
      valueName: "estimator"))
  var estimator: Estimator = .pooled

  @Option(
    name: .long,
    help: ArgumentHelp("Count the stored statistics as those of this many images.", valueName: "n"))
  var prior = 0.0

  @Option(name: .long, help: ArgumentHelp("Images per batch.", valueName: "n"))
  var batchSize = 32

  @Option(name: .long, help: ArgumentHelp("Stop after this many batches.", valueName: "n"))
  var numBatches: Int?

  @Option(name: .long, help: ArgumentHelp("Stop after this many images.", valueName: "n"))
  var numImages: Int?

  @Flag(name: .long, inversion: .prefixedNo, help: "Shuffle the images, so that batches mix the classes.")
  var shuffle = true

  @Option(name: .long, help: ArgumentHelp("Seed of the shuffled order.", valueName: "n"))
  var seed: UInt64 = 0

  @Flag(name: .long, help: "Report how far the statistics move and write no checkpoint.")
  var dryRun = false

  @OptionGroup(title: "Preprocessing") var preprocessing: PreprocessingOptions
  @OptionGroup(title: "Many machines") var cluster: ClusterOptions
  @OptionGroup(title: "General") var global: GlobalOptions

  func validate() throws {
    guard batchSize >= 1 else { throw ValidationError("--batch-size takes a number from 1") }
    guard numBatches ?? 1 >= 1, numImages ?? 1 >= 1 else {
      throw ValidationError("--num-batches and --num-images take a number from 1")
    }
    if numBatches != nil && numImages != nil {
      throw ValidationError("--num-batches and --num-images exclude each other")
    }
    guard prior >= 0, prior.isFinite else { throw ValidationError("--prior takes a number from 0") }
    if (data == nil) == cluster.merge.isEmpty {
      throw ValidationError("give the images with --data, or the parts of shards with --merge")
    }
  }

  func execute(_ console: Console) throws {
    let pool = global.makePool()
    if let shard = cluster.shard {
      let shard = try shard.resolve(environment: ProcessInfo.processInfo.environment)
      let job = try Measurement(self, model: model.load(pool: pool, console: console), console: console)
      try writePart(job, shard: shard, console: console)
      return
    }
    let destination = try dryRun ? nil : output.destination()
    let loaded = try model.load(pool: pool, console: console)
    if cluster.merge.isEmpty {
      let job = try Measurement(self, model: loaded, console: console)
      let batches = try job.run(shard: nil, console: console)
      try finish(loaded, batches: batches, recipe: job.recipe, to: destination, console: console)
    } else {
      let (batches, recipe) = try mergedParts(loaded)
      try finish(loaded, batches: batches, recipe: recipe, to: destination, console: console)
    }
  }
}

struct ClusterOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "Measure only share I of N of the batches (I from 0), or what the scheduler says: auto, auto/N.",
      valueName: "i/n"))
  var shard: ShardOption?

  @Option(
    name: .long, help: ArgumentHelp("Where the shard's moments go.", valueName: "path"), completion: .file())
  var statsOut: String?

  @Option(
    name: .long, parsing: .upToNextOption,
    help: ArgumentHelp("Finish from the parts of all shards.", valueName: "path"), completion: .file())
  var merge: [String] = []

  func validate() throws {
    if (shard == nil) != (statsOut == nil) {
      throw ValidationError("--shard and --stats-out go together")
    }
    if shard != nil && !merge.isEmpty { throw ValidationError("--shard and --merge exclude each other") }
  }
}
