import ArgumentParser
import Checkpoint
import Command
import ModelSearch
import NetworkCommand
import Platform
import ResolutionSweep
import SeriesCommand

@main
struct Best: NetworkTool {
  static let configuration = CommandConfiguration(
    commandName: "ckpt-best",
    abstract: "Find the best model that the checkpoints of a run can give, and a number for it.",
    discussion: """
      Averages at several sizes, each with BatchNorm statistics of its own, race on one half of the validation images; \
      the winner is scored once on the other half and on --test, next to the last checkpoint. The report names the pipe \
      of the single tools that makes the same file.
      """,
    version: versionText("ckpt-best", kernels: kernelDescription))

  @OptionGroup(title: "Run and images") var source: RunOptions
  @OptionGroup(title: "Data set") var images: DataOptions
  @OptionGroup(title: "Data set") var normalisation: NormalisationOptions
  @OptionGroup(title: "Averages and sizes") var space: SpaceOptions
  @OptionGroup(title: "Search") var search: SearchOptions
  @OptionGroup(title: "Tuning") var leaders: LeaderOptions
  @OptionGroup(title: "Many machines") var parts: PartOptions
  @OptionGroup(title: "Results") var results: ResultOptions
  @OptionGroup(title: "Results") var compression: CompressionOptions
  @OptionGroup(title: "General") var arithmetic: ArithmeticOptions
  @OptionGroup(title: "General") var global: GlobalOptions

  func validate() throws {
    if images.fastDecode {
      throw ValidationError(
        "--fast-decode decodes for the largest size tried, so that no pipe of single tools would make the same file"
      )
    }
    if images.fullDepth && leaders.tune != .none {
      throw ValidationError("--tune is for images of 8 bits: leave out --full-depth")
    }
    if search.select.method == .none && source.test == nil {
      throw ValidationError("--select none lets all images of --val choose: give --test for the score")
    }
    if case .folds = search.select.method {
      if leaders.tune != .none || space.soup == true {
        throw ValidationError(
          "--tune and --soup follow from images that --select kfold scores on; they go with half and none")
      }
    }
    if parts.shard != nil && (results.output != nil || results.report != nil || search.require != nil) {
      throw ValidationError(
        "--shard only measures: -o, --report and --require go with --merge, which chooses")
    }
    if source.train == nil && (images.limit != nil || images.sample != nil) {
      throw ValidationError("--limit and --sample are about --train, which is not given")
    }
    if leaders.tune != .none && source.train == nil {
      throw ValidationError("--tune needs --train with labeled images")
    }
  }

  func execute(_ console: Console) throws {
    let destination = try results.output.map(checkpointDestination)
    var writing = try compression.writeOptions(for: results.output ?? "-", threads: global.threadCount)
    try results.plannedOutputs(state: parts.state, printsTable: parts.shard == nil).check()
    let shard = try parts.resolvedShard()
    try withPrivateFolder(prefix: Self.toolName) { folder in
      let job = try SearchJob(self, shard: shard, folder: folder, console: console)
      if let shard {
        try job.measure(shard)
        console.notice("shard \(shard): \(counted(job.world.spent.images, "image")) through networks")
        return
      }
      let result = try job.run(isMeasured: !parts.merge.isEmpty)
      let report = SearchReport(result, job: job)
      try results.print(report, console: console)
      try results.write(report)
      if search.require == .better, result.answer != .better {
        throw Failure(.negativeVerdict, "not better, nothing written: \(report.answerLines[0])")
      }
      guard let destination else { return }
      writing.configuration = job.configuration
      let model = try job.world.finish(result.chosen, statisticsImages: result.plan.statisticsImages)
      var metadata = model.metadata
      try job.provenance(of: result).record(in: &metadata)
      try rewriteCheckpoint(
        model.source, replacing: model.replacements, metadata: metadata, to: destination, options: writing)
    }
  }
}

extension SearchError: AdvisedError {
  package var advice: String? {
    switch self {
    case .badState:
      "a state goes with the checkpoints, images and options that it was made with; name another --state to begin a new one"
    case .incompleteStates: "--merge takes the states of all shards"
    case .tooFewImages: "give --val more images, or fewer folds to --select"
    case .badSpace: "ckpt-best(1) lists the members of --space"
    }
  }
}
