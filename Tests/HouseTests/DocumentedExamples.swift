// The examples of the documentation, word for word, so that they compile. `HouseTests` compares them.

import Averaging
import BatchNormCalibration
import Charts
import Checkpoint
import Command
import Evaluation
import FineTuning
import ImageData
import ModelSearch
import NetworkExecution
import NetworkGraphs
import Platform
import ResolutionSweep
import Statistics
import TensorMath

private func plotExample() {
  let x = PlotScale(1...30, from: 60, to: 350, tickCount: 6, isRounded: false)
  let y = PlotScale(0.2...0.9, from: 250, to: 60, tickCount: 5, isRounded: true)
  let svg = SVG.document(
    width: 400, height: 300, title: "Loss",
    body: SVG.axes(x, y, xLabel: "epoch") + [SVG.polyline([(x(1), y(0.8))], "s0")])
  _ = svg
}

private func pictureExample(x: PlotScale, y: PlotScale) throws {
  let encoder = try PictureEncoder(path: "sizes.png")
  let axes = SVG.axes(x, y, xLabel: "crop, pixels")
  let svg = SVG.document(width: 400, height: 300, title: "Accuracy", body: axes)
  let bytes = try encoder.encode(Picture(svg: svg, width: 400, height: 300))
  print(bytes.count)
}

private struct OptionExample {
  var batchSize = 1
  var limit: Int?
  var momentum = 0.9

  func validate() throws {
    try OptionBounds.check(["--batch-size": batchSize, "--limit": limit])
    try OptionBounds.check(["--momentum": momentum], .share)
  }
}

private func cutExample(description: NetworkDescription) throws {
  let cut = try NetworkCut(description, at: .lastBlocks(2))
  print(cut.trained.map(\.string))
}

private func trainableLayersExample(
  network: Network, cut: NetworkCut, images: Tensor, byLogits: [Float], pool: ThreadPool
) throws {
  let layers = try TrainableLayers(network, cut: cut, height: 224, width: 224, pool: pool)
  let maps = try network.maps(at: cut, of: images)
  let logits = layers.logits(maps.pointer, images: images.shape[0], mode: .training)
  layers.clearGradients()
  layers.backward(byLogits)
  print(layers.tensors.filter(\.isTrained).map(\.name.string))
  _ = logits
}

private func locationExample(tensors: [TensorName: TensorValue]) throws {
  let source = try openCheckpoint(Location(argument: "-"))
  try writeCheckpoint(tensors, metadata: Metadata(), to: .path("epoch-9.safetensors"))
  _ = source
}

private func stateFileExample(
  source: any CheckpointSource, settings: Int, images: Int64, width: Int
) throws {
  let state = try StateFile(source, key: MetadataKey.sweepPart) { SweepError.badPart(source.label, $0) }
  let counts = try state.counts("count", [settings], 0...images)
  let losses = try state.doubles("loss", .f64, [settings, width]) { $0 >= 0 }
  _ = (counts, losses)
}

private func averagingPlanExample(files: [String]) throws {
  let series = try Series(files.map { try openCheckpoint(.path($0)) })
  let method = try ExponentialMovingAverage(decay: 0.9)
  let combination = try method.combination(of: Timeline(names: files))
  let plan = try AveragingPlan(series, combination, options: .init(buffers: .latest, dtype: .f16))
  print(plan.entries.count, plan.bytesToRead)
}

private func driftExample(series: Series, pool: ThreadPool) throws {
  let report = try DriftReport(series, pool: pool)
  for (tensor, row) in zip(report.tensors, report.rows) { print(tensor.name, row.drift) }
  for outlier in report.model.outliers { print(series.members[outlier.checkpoint].label, outlier.ratio) }
}

private func soupExample(files: [String], validationAccuracy: ([String]) throws -> Double) throws {
  let soup = try GreedySoup.select(count: files.count, mode: .max) { members in
    try validationAccuracy(members.map { files[$0] })
  }
  print(soup.members, soup.score)
}

private func samplingExample(pool: ThreadPool) throws {
  let sampler = try GaussianSampler(openCheckpoint(.path("swag.safetensors")))
  let writer = try CheckpointWriter(
    to: .path("sample.safetensors"), tensors: sampler.tensors, metadata: Metadata())
  try sampler.draw(0, .init(), to: writer, pool: pool)
  try writer.finish()
}

private func methodExample() throws {
  let method = try ExponentialMovingAverage(decay: 0.9)
  let timeline = try Timeline(names: ["epoch-1", "epoch-2", "epoch-3"])
  let combination = try method.combination(of: timeline)
  _ = combination
}

private func passExample(series: Series, files: [String], pool: ThreadPool) throws {
  let plan = try AveragingPlan(series, Mean().combination(of: Timeline(names: files)))
  let writer = try CheckpointWriter(
    to: .path("mean.safetensors"), tensors: plan.entries.map(\.output), metadata: Metadata())
  try AveragingPass([plan]).run(into: [writer], pool: pool)
  try writer.finish()
}

private func seriesExample() throws {
  let files = ["epoch-1.safetensors", "epoch-2.safetensors"]
  let series = try Series(files.map { try openCheckpoint(.path($0)) }, keys: .intersection)
  print(series.members.count, series.tensors.count)
}

private func averagingStateExample(
  newNames: [String], series: Series, method: ExponentialMovingAverage, writer: CheckpointWriter,
  pool: ThreadPool
) throws {
  let state = try AveragingState(openCheckpoint(.path("ema.state")))
  let timeline = try Timeline(names: newNames).following(state.inputs, method: "ema")
  let update = try StateUpdate(
    state, adding: series, method: method, timeline: timeline, settings: state.settings, options: .init())
  try AveragingPass([update.plan]).run(into: [writer], pool: pool)
}

private func calibrationExample(network: Network, loader: BatchLoader) throws {
  var calibration = try Calibration(network: network, estimator: .pooled, prior: 16)
  try measureBatches(of: loader, through: network, layers: calibration.layers) { _, moments in
    try calibration.add(moments)
  }
  let statistics = try calibration.networkStatistics()
  _ = statistics
}

private func recalibrateExample(
  dataset: any ImageDataset, order: [Int], preprocessing: Preprocessing, network: Network, images: Tensor
) throws {
  let loader = BatchLoader(
    dataset, indices: order, batchSize: 32, views: [preprocessing], workers: 2)
  let statistics = try recalibrate(network, loader)[0].networkStatistics()
  let logits = try network.logits(images, statistics: statistics)
  _ = logits
}

private func statisticsPartExample(network: Network, files: [String]) throws {
  let layers = network.trainedBatchNorms.map { (name: $0.name, channels: $0.channels) }
  let parts = try files.map { file in
    (label: file, part: try StatisticsPart(reading: openCheckpoint(.path(file)), layers: layers))
  }
  var calibration = try Calibration(network: network, estimator: .pooled)
  for batch in try StatisticsPart.merge(parts) { try calibration.add(batch) }
}

private func evaluatorExample(network: Network, dataset: any ImageDataset) throws {
  let settings = [256, 288].map { Setting(preprocessing: Preprocessing(resize: $0, crop: 224)) }
  let evaluator = try Evaluator(networks: [network], settings: settings, dataset: dataset)
  try evaluator.run(workers: 2)
  for outcomes in evaluator.measurements.outcomes { print(outcomes.accuracy().value, outcomes.meanLoss) }
}

private func realLabelsExample() throws {
  let real = try RealLabels(path: "real.json")
  if let classes = try real.classes(of: "val/n01440764/ILSVRC2012_val_00000293.JPEG") { print(classes) }
}

private func temperatureExample(table: LogitTable) throws {
  let scaling = try TemperatureScaling(table, seed: 0)
  print(scaling.temperature, scaling.before.calibrationError, scaling.after.calibrationError)
}

private func collectorExample(
  tail: TunableTail, dataset: any ImageDataset, loader: BatchLoader, pool: ThreadPool
) throws {
  let collector = try FeatureCollector(tail, count: dataset.count, pool: pool)
  var labels: [Int] = []
  while let batch = try loader.next() {
    try collector.add(batch.views[0])
    labels += batch.labels
  }
  let train = LabelledFeatures(features: collector.finish(), labels: labels)
  _ = train
}

private func recipeExample(preprocessing: Preprocessing) {
  let recipe = FeatureRecipe([("preprocessing", preprocessing.summary), ("views", "flip 2")])
  let other = recipe.adding([("seed", "1")])
  if let (property, values) = recipe.difference(from: other) { print("\(property): \(values)") }
}

private func partExample(
  shard: Shard, dataset: any ImageDataset, recipe: FeatureRecipe, labels: [Int], shape: FeatureShape
) throws {
  let part = FeaturePart(
    shard: shard, imageCount: dataset.count, recipe: recipe, labels: labels, classes: 10)
  let maps = FeatureMaps(shape, storage: try part.reserve(shape, at: "part-0.safetensors"))
  try part.save(maps, at: "part-0.safetensors")
}

private func inputsExample(checkpoint: any CheckpointSource, preprocessing: Preprocessing) throws {
  let wanted = ClassifierInputs.Origin(
    checkpoint: try contentDigest(of: checkpoint), preprocessing: preprocessing, classes: 10)
  let inputs = try ClassifierInputs(
    reading: openCheckpoint(.path("features.safetensors")), channels: 512, of: wanted)
  let train = try inputs.features { try .memory(byteCount: $0.byteCount) }
  _ = train
}

private func tailExample(
  network: Network, checkpoint: any CheckpointSource, train: LabelledFeatures, pool: ThreadPool
) throws {
  let tail = try TunableTail(network, checkpoint: checkpoint, needsBatchNorm: true)
  let tuner = try ClassifierTuner(TuningOptions(), activation: tail.activation, pool: pool)
  let tuned = try tuner.tune(tail.start, on: train)
  let changed = try tail.replacements(for: tuned)
  _ = changed
}

private func tunerExample(
  tail: TunableTail, train: LabelledFeatures, validation: LabelledFeatures, pool: ThreadPool
) throws {
  var options = TuningOptions()
  options.epochs = 10
  let tuner = try ClassifierTuner(options, activation: tail.activation, pool: pool)
  let tuned = try tuner.tune(tail.start, on: train, validation: validation)
  print(try tuner.measure(tuned, on: validation).metrics.top1)
}

private func gridExample() {
  let base = Preprocessing(resize: 256, crop: 224)
  let grid = SweepGrid(base: base, resizes: [224, 256, 288], interpolations: [.bilinear, .bicubic])
  let settings = grid.preprocessings.map { Setting(preprocessing: $0) }
  print(settings.count)  // 6
}

private func sweepPartExample(files: [String]) throws {
  let parts = try files.map { (name: $0, part: try SweepPart(reading: openCheckpoint(.path($0)))) }
  let whole = try SweepPart.merged(parts)
  print(whole.measurements.outcomes.map { $0.accuracy().value })
}

private func continuationExample(
  network: Network, recipe: SweepPart.Recipe, shard: Shard, dataset: any ImageDataset
) throws {
  let earlier = try SweepPart(reading: openCheckpoint(.path("state")), for: (recipe, shard))
  let evaluator = try Evaluator(networks: [network], settings: recipe.settings, dataset: dataset)
  evaluator.resume(earlier.measurements(of: recipe))
  try evaluator.run(workers: 2)
  let part = SweepPart(recipe: recipe, shard: shard, measurements: evaluator.measurements).keeping(earlier)
  print(part.recipe.settings.count)
}

private func sweepReportExample(evaluator: Evaluator, dataset: any ImageDataset) throws {
  let request = SweepReport.Request(method: .half, rule: SelectionRule(preference: .accuracy))
  let report = try SweepReport(
    evaluator.measurements, dataset: dataset.name, checkpoints: ["model.safetensors"], request: request)
  print(report.rows[report.verdict.chosen].setting, report.verdict.top1)
}

private func foldExample(scores: ScoreMatrix, costs: [Double], proportion: Proportion) {
  let spread = FoldSpread(scores, folds: 5, costs: costs, reference: 0, seed: 0)
  let interval = proportion.wilsonInterval(z: 1.96 * spread.score)
  print(interval)
}

private func raceExample(
  network: Network, settings: [Setting], dataset: any ImageDataset, order: [Int]
) throws {
  var race = Race(settingCount: settings.count, imageCount: order.count)
  let evaluator = try Evaluator(
    networks: [network], settings: settings, dataset: dataset, images: order)
  try evaluator.run(&race, workers: 2)
  print(race.active.map { settings[$0].preprocessing })
}

private func forwardExample(dataset: any ImageDataset, pool: ThreadPool) throws {
  let network = try Network(openCheckpoint(.path("resnet18.safetensors")), pool: pool)
  let loader = BatchLoader(
    dataset, indices: [0, 1, 2, 3], batchSize: 4, views: [.imageNet], workers: 1)
  while let batch = try loader.next() { print(try network.logits(batch.views[0]).values) }
}

private func networkExample(images: Tensor) throws {
  let pool = ThreadPool(threads: 4)
  let network = try Network(openCheckpoint(.path("resnet18.safetensors")), pool: pool)
  print(network.architectureName, network.classCount)
  let logits = try network.logits(images)  // images: [n, h, w, 3], normalized
  _ = logits
}

private func runningStatisticsExample(network: Network, images: Tensor) throws {
  var statistics = network.runningStatistics
  statistics[0].mean = Array(repeating: 0, count: network.batchNorms[0].channels)
  let logits = try network.logits(images, statistics: statistics)
  _ = logits
}

private func descriptionExample() throws {
  let checkpoint = try openCheckpoint(.path("resnet18.safetensors"))
  let description = try NetworkDescription(checkpoint)
  print(description.architectureName, description.classCount)
  print(description.batchNorms.map(\.name))
  print(try description.multiplyAdds(height: 224, width: 224))
}

private func onnxExample() throws {
  let model = try ONNXModel(path: "resnet18.onnx")
  let description = try NetworkDescription(ONNXCheckpoint(model), onnx: model)
  print(model.opset, model.nodes.count, description.classCount)
}

private func pairedDifferencesExample() {
  let differences = PairedDifferences([0.71, 0.74, 0.70], [0.69, 0.71, 0.69])
  print(differences.mean, differences.interval, differences.pValue)
}

private func candidateExample(series: Series, timeline: Timeline) throws {
  let candidate = Candidate.mean(last: 5)
  let plan = try candidate.plan(series, timeline)
  print(candidate.title(names: timeline.names), plan.combination.contributors)
}

private func searchSpaceExample() {
  var space = SearchSpace(checkpointCount: 10)
  space.halfLives = [1, 2, 4]
  print(space.candidates.count)
}

private func searchPlanExample() throws {
  let plan = try SearchPlan(imageCount: 450, method: .half, statisticsImages: 1024)
  print(plan.selecting.count, plan.scoring.count, plan.rounds.map(\.images.count))
}

private func choiceExample(columns: [[Bool]], costs: [Double], plan: SearchPlan) throws {
  let choice = try Choice(columns, costs: costs, plan: plan, level: 0.95, seed: 0)
  print(choice.chosen, choice.indistinguishable, choice.optimism ?? 0)
}

private func searchExample(
  settings: BestModelSearch.Settings, plan: SearchPlan, world: any SearchWorld
) throws {
  let search = BestModelSearch(settings, plan: plan, testCount: 0, world: world)
  let result = try search.run()
  print(result.answer, result.scores.map(\.comparison.difference))
}

private func searchStateExample(recipe: JSON, board: Scoreboard) throws {
  let state = SearchState(recipe: recipe, shard: nil, board: board)
  let (tensors, metadata) = try state.encoded()
  try writeCheckpoint(tensors, metadata: metadata, to: .path("search.state"))
}
