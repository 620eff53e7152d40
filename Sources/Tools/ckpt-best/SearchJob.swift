import Averaging
import Checkpoint
import Command
import Evaluation
import ImageData
import ModelSearch
import NetworkCommand
import NetworkExecution
import Platform
import ResolutionSweep
import SeriesCommand

/// A search that is set up: the run, its images, and what earlier runs have measured.
struct SearchJob {
  let command: Best
  let series: Series
  let timeline: Timeline
  /// Paths of the checkpoints as they were found.
  let paths: [String]
  let model: LoadedModel
  let settings: BestModelSearch.Settings
  /// Preprocessing of the last checkpoint as far as its file says, without options.
  let stored: Preprocessing
  let plan: SearchPlan
  let world: NetworkWorld
  /// Training images that are asked for as the sample of the statistics, unreadable ones included.
  let statisticsSample: Int
  /// The configuration of the model folder that an output continues.
  let configuration: ModelConfiguration?
  private let recipe: JSON
  private let testCount: Int
  private let console: Console

  /// - Parameters:
  ///   - shard: Share of this process; nil for the whole.
  ///   - folder: Holds the averages.
  init(_ command: Best, shard: Shard?, folder: PrivateFolder, console: Console) throws {
    self.command = command
    self.console = console
    let pool = command.global.makePool()
    let threads = command.global.threadCount
    let (options, seed) = (command.search, command.search.seed)
    let files = try command.source.open(
      outputs: [command.results.output, command.parts.state, command.results.report].compactMap(\.self),
      threads: threads, console: console)
    paths = files.map(\.path)
    let sources = files.map(\.source)
    if let sums = sources.first(where: { AveragingState.isState($0) }) {
      throw Failure(.badData, "\(escaped(sums.label)): holds the sums of an average, not a checkpoint")
    }
    series = try Series(sources)
    if command.source.series == nil { try series.refuseDuplicates() }
    timeline = try Timeline(names: paths, modelCounts: series.modelCounts)
    configuration = sources.last?.origin.configuration

    let model = try Self.lastModel(command, path: paths[paths.count - 1], pool: pool, console: console)
    self.model = model
    let (stored, recorded) = try Self.recorded(model, command.normalisation, console: console)
    self.stored = stored
    let hasBatchNorm = !model.network.trainedBatchNorms.isEmpty
    let tunings = command.leaders.tunings
    try Self.check(command.leaders.tune, model.network)
    var space = try command.space.make(checkpointCount: files.count)
    if case .folds = options.select.method { space.hasSoup = false }
    let views = space.preprocessings(around: recorded)
    for (view, isCropGiven) in [(recorded, space.crops != nil)] + views.map({ ($0, true) }) {
      if let error = view.recordedSizeError(
        of: model.source.label, isCropGiven: isCropGiven, isResizeGiven: false)
      {
        throw error
      }
    }

    // Everything that can be refused is, before the long work.
    var names = model.classNames(console: console)
    func labelled(_ argument: String, _ part: DataOptions.Part) throws -> any ImageDataset {
      try command.images.labelled(
        command.images.openReadable(
          argument, part: part, seed: seed, views: views, isReadAgain: true, pool: pool, console: console),
        by: names, for: model, console: console)
    }
    let validation = try labelled(command.source.val, .all)
    if let own = validation.classNames { names = ClassNames(own, owner: validation.name) }
    let test = try command.source.test.map { try labelled($0, .all) }
    let scoring = [(validation, command.source.val)] + (test.map { [($0, command.source.test!)] } ?? [])
    if scoring.count > 1 {
      let shared = SharedImages(of: scoring[1].0, scoring[1].1, and: validation, command.source.val)
      guard shared.count == 0 else {
        throw Failure(.usage, "\(shared.text): --test takes images that have no part in the choice")
      }
    }
    var statistics = NetworkWorld.Images(validation, order: [])
    var (statisticsCount, statisticsSample) = (0, 0)
    if hasBatchNorm {
      guard let train = command.source.train else {
        throw Failure(
          .usage,
          "\(model.network.architectureName) has BatchNorm layers: give --train with images for their statistics"
        )
      }
      let dataset = try command.images.open(
        train, seed: seed, views: views, isReadAgain: true, isLabelled: false, console: console)
      let order = NetworkWorld.statisticsOrder(imageCount: dataset.count, seed: seed).prefix(
        options.statisticsImages)
      let readable = try command.images.readable(
        Array(order), of: dataset, pool: pool, console: console)
      let sample = (train, dataset.subset(readable))
      for (set, argument) in scoring {
        let shared = SharedImages(of: sample.1, sample.0, and: set, argument)
        if shared.count > 0 {
          console.warning(
            "\(shared.text): they shape the statistics of what they are to measure, so accuracies may be too good"
          )
        }
      }
      statistics = NetworkWorld.Images(dataset, order: readable)
      (statisticsCount, statisticsSample) = (readable.count, order.count)
    } else if command.search.bnImages != nil {
      throw Failure(
        .usage,
        "\(model.network.architectureName) has no BatchNorm layers to recalibrate: --bn-images has no meaning"
      )
    } else if command.source.train != nil && tunings.isEmpty {
      throw Failure(
        .usage,
        "\(model.network.architectureName) has no BatchNorm layers to recalibrate: --train has no meaning without --tune"
      )
    }
    let tuningImages =
      try tunings.isEmpty ? nil : command.source.train.map { try labelled($0, .selected) }
    if let tuningImages, let train = command.source.train {
      for (set, argument) in scoring {
        let shared = SharedImages(of: tuningImages, train, and: set, argument)
        guard shared.count == 0 else {
          throw Failure(.usage, "\(shared.text): --tune would learn the labels of images that score it")
        }
      }
    }
    try Self.checkMemory(views, model.network, images: statisticsCount)

    self.statisticsSample = statisticsSample
    plan = try SearchPlan(
      imageCount: validation.count, method: options.select.method, statisticsImages: statisticsCount)
    testCount = test?.count ?? 0
    var settings = BestModelSearch.Settings(space: space, recorded: recorded, hasBatchNorm: hasBatchNorm)
    (settings.tunings, settings.tuningImages) = (tunings, tuningImages?.count ?? 0)
    (settings.leaders, settings.finalists) = (options.leaderCount, options.finalistCount)
    (settings.level, settings.budget, settings.seed) = (options.confidence, options.budget, seed)
    self.settings = settings

    let isKept = command.parts.state != nil || !command.parts.merge.isEmpty
    let recipe =
      try isKept
      ? Self.recipe(
        command, settings, sources: sources, validation: validation, test: test,
        statistics: hasBatchNorm ? statistics : nil, tuning: tuningImages) : .object([])
    self.recipe = recipe
    let board = try command.parts.board(
      recipe, shard: shard, empty: Scoreboard(validationCount: validation.count, testCount: testCount))
    let meter: WorkMeter = { label, total, unit in
      let bar = console.progress(label, total: total, unit: unit)
      return { bar.advance(by: $0) }
    }
    let open = Self.opener(command, pool: pool)
    let store = CandidateStore(
      series: series, timeline: timeline, pool: pool, newFile: { folder.file($0) }, open: open, meter: meter)
    var images: [ImageSet: NetworkWorld.Images] = [
      .validation: NetworkWorld.Images(
        validation, order: SearchPlan.order(imageCount: validation.count, seed: seed))
    ]
    if let test { images[.test] = NetworkWorld.Images(test, order: Array(0..<test.count)) }
    var onSave: ((Scoreboard) throws -> Void)?
    if command.parts.state != nil { onSave = { try command.parts.save($0, recipe: recipe, shard: shard) } }
    world = NetworkWorld(
      store: store, last: try open(sources[sources.count - 1]), recorded: stored, images: images,
      training: ModelTraining(
        statistics: statistics, tuning: tuningImages, scratchFolder: temporaryFolder), tunings: tunings,
      board: board, isMerged: !command.parts.merge.isEmpty, seed: seed,
      pool: pool, workers: threads, meter: meter,
      onSave: onSave)
  }

  /// Makes the whole search, or what follows after its shards.
  func run(isMeasured: Bool) throws -> SearchResult {
    let result = try search.run(isMeasured: isMeasured)
    for shortage in result.shortages { console.notice(shortage.text) }
    return result
  }

  /// Measures the share of one process.
  func measure(_ shard: Shard) throws { try search.run(shard: shard) }

  private var search: BestModelSearch {
    BestModelSearch(
      settings, plan: plan, testCount: testCount,
      names: (command.source.val, command.source.test ?? ""), world: world
    ) { [names = names, console = console] stage in console.detail(stage.text(names: names)) }
  }

  /// Names of the checkpoints, as short as tells them apart.
  var names: [String] { distinguishingNames(paths).map(displayName) }

  // MARK: Parts of the set-up

  /// The last checkpoint with everything that is worth a line about its network.
  private static func lastModel(
    _ command: Best, path: String, pool: ThreadPool, console: Console
  ) throws -> LoadedModel {
    var options = ModelOptions()
    options.model = path
    options.arch = command.source.arch
    options.input = command.source.decoding
    return try options.load(pool: pool, compute: command.arithmetic.compute(), console: console)
  }

  /// Builds the networks of candidates, without another line about each.
  private static func opener(
    _ command: Best, pool: ThreadPool
  ) -> (any CheckpointSource) throws -> CandidateModel {
    return { source in
      let model = try LoadedModel(
        source, architecture: command.source.arch == "auto" ? nil : command.source.arch, pool: pool,
        compute: command.arithmetic.compute(), options: OpenOptions())
      return CandidateModel(
        source: model.source, network: model.network, metadata: model.metadata,
        makeNetwork: { try model.network($0) })
    }
  }

  /// The preprocessing of the last checkpoint as far as its file says, and with the options.
  private static func recorded(
    _ model: LoadedModel, _ normalisation: NormalisationOptions, console: Console
  ) throws -> (stored: Preprocessing, used: Preprocessing) {
    let (metadata, label) = (model.metadata, model.source.label)
    let known = try Preprocessing(metadata: { metadata[$0] }, source: label, defaults: model.defaults)
    var used = known ?? model.defaults
    try normalisation.apply(to: &used)
    guard used.mode != .letterbox, used.cropSize.isSquare else {
      throw Failure(
        .usage,
        "\(label): records crops of the mode \(used.mode.rawValue), \(used.cropSize) pixels; sizes are searched "
          + "of squares cut out of resized images")
    }
    _ = model.notesScaledInput(metadata, normalisation, console: console)
    if known == nil {
      console.notice("no preprocessing in \(label): sizes are taken around \(used.summary)")
    }
    return (known ?? model.defaults, used)
  }

  private static func check(_ layers: LeaderOptions.Layers, _ network: Network) throws {
    let classifier = network.classifier
    switch layers {
    case .none: return
    case _ where classifier == nil:
      throw Failure(
        .badData, "\(network.architectureName) does not end in a fully connected layer, which --tune needs")
    case .classifierAndBatchNorm where classifier?.lastBatchNorm == nil:
      throw Failure(
        .badData,
        "\(network.architectureName) has no BatchNorm directly before its pooling; --tune fc trains the classifier alone"
      )
    case .classifierAndLayerNorm where classifier?.lastLayerNorm == nil:
      throw Failure(
        .badData,
        "\(network.architectureName) has no LayerNorm directly before its classifier or pooling; --tune fc trains the classifier alone"
      )
    default: return
    }
  }

  /// Refuses sizes whose maps cannot be in memory.
  private static func checkMemory(_ views: [Preprocessing], _ network: Network, images: Int) throws {
    guard let largest = views.max(by: { $0.crop < $1.crop }) else { return }
    try network.checkMemory(largest, images: 1, batches: 1)
    if images > 0 {
      try network.checkMemory(largest, images: min(images, 32), batches: 1, normalizesByBatch: true)
    }
  }

  /// Everything that outcomes depend on.
  private static func recipe(
    _ command: Best, _ settings: BestModelSearch.Settings, sources: [any CheckpointSource],
    validation: any ImageDataset, test: (any ImageDataset)?, statistics: NetworkWorld.Images?,
    tuning: (any ImageDataset)?
  ) throws -> JSON {
    var members: [(String, JSON)] = [
      ("checkpoints", .array(try sources.map { .string(try contentDigest(of: $0)) })),
      ("val", .string(validation.namesDigest)), ("test", test.map { .string($0.namesDigest) } ?? .null),
      ("train", statistics.map { .string($0.digest) } ?? .null),
      ("tuning", tuning.map { .string($0.namesDigest) } ?? .null),
      ("select", .string(command.search.select.method.name)), ("space", settings.space.json),
      ("recorded", .string(settings.recorded.summary)), ("bn_images", JSON(command.search.statisticsImages)),
      ("tune", .array(settings.tunings.map { .string($0.key) })), ("leaders", JSON(settings.leaders)),
      ("finalists", JSON(settings.finalists)), ("confidence", JSON(settings.level)),
      ("seed", .number("\(settings.seed)")),
    ]
    members.append(("options", .object(command.images.history() + command.arithmetic.history)))
    return .object(members)
  }
}
