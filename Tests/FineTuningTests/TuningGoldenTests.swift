import NetworkGraphs
import Checkpoint
import Platform
import TestSupport
import Testing

@testable import FineTuning

/// Whole runs against PyTorch's (`fixtures/goldens/FineTuning/make_tuning_goldens.py`).
@Suite struct TuningGoldenTests {
  struct Run: Sendable, CustomTestStringConvertible {
    let name: String
    var activation = Activation.relu
    var residual = true
    var options = TuningOptions()
    var testDescription: String { name }

    init(
      _ name: String, activation: Activation = .relu, residual: Bool = true,
      _ change: (inout TuningOptions) -> Void = { _ in }
    ) {
      self.name = name
      self.activation = activation
      self.residual = residual
      options.epochs = 4
      options.batchSize = 8
      options.learningRate = 0.05
      options.weightDecay = 0.01
      change(&options)
    }
  }

  static let runs: [Run] =
    [
      Run("batch"),
      Run("recalibrate") { $0.batchNorm = .recalibrate },
      Run("frozen") {
        $0.batchNorm = .frozen
        $0.loss = CrossEntropy(labelSmoothing: 0.1)
      },
      Run("smoothing") { $0.loss = CrossEntropy(labelSmoothing: 0.1) },
      Run("classifier") { $0.layers = .classifier },
      Run("nesterov") {
        $0.nesterov = true
        $0.schedule = .constant
      },
      Run("adam") { $0.optimizer = .adam },
      Run("adamw") { $0.optimizer = .adamw },
      Run("lamb") { $0.optimizer = .lamb },
      Run("clip") { $0.clipNorm = 0.5 },
      Run("ema") { $0.averaging = .ema(decay: 0.8, every: 1) },
      Run("swa") { $0.averaging = .swa(from: 2) },
      Run("step") { $0.schedule = .step(size: 2, gamma: 0.1) },
      Run("multistep") { $0.schedule = .multiStep(epochs: [1, 3], gamma: 0.3) },
      Run("exponential") { $0.schedule = .exponential(gamma: 0.7) },
      Run("polynomial") { $0.schedule = .polynomial(power: 2) },
      Run("plateau") {
        $0.schedule = .plateau(patience: 0, gamma: 0.5)
        $0.learningRate = 2
        $0.momentum = 0
        $0.weightDecay = 0
      },
      Run("warmup") { $0.warmUp = WarmUp(steps: 5) },
      Run("distillation") { $0.loss = Distillation(hard: CrossEntropy()) },
    ]
    + [Activation.identity, .relu, .relu6, .silu, .hardswish].map {
      Run($0.rawValue, activation: $0, residual: false)
    }

  @Test(arguments: runs) func lossCurveAndParametersEqualPyTorch(_ run: Run) throws {
    let golden = try Golden()
    let (steps, tuned) = try golden.tune(run, start: golden.start(), features: golden.maps(run.residual))
    try golden.expectEqual(steps.map(\.learningRate), "\(run.name).rates")
    try golden.expect(run.name, losses: steps.map(\.loss), tuned)
    let norm = try #require(tuned.batchNorm)
    try golden.expectEqual(norm.gamma.map(Double.init), "\(run.name).gamma")
    try golden.expectEqual(norm.beta.map(Double.init), "\(run.name).beta")
    try golden.expectEqual(norm.runningMean, "\(run.name).running_mean")
    try golden.expectEqual(norm.runningVar, "\(run.name).running_var")
    let tracked = try golden.integers("\(run.name).num_batches_tracked")
    #expect(norm.numBatchesTracked.map(Int.init) == tracked[0])
  }

  @Test func pooledFeaturesEqualPyTorch() throws {
    let golden = try Golden()
    let pooled = try FeatureMaps(FeatureShape(count: 26, positions: 1, channels: 11, hasResidual: false))
    try golden.maps(false).storePooled(
      into: pooled, at: 0, activation: .identity, batchNorm: nil, pool: ThreadPool(threads: 2))
    var start = try golden.start()
    start.batchNorm = nil
    let (steps, tuned) = try golden.tune(
      Run("pooled", activation: .identity), start: start, features: pooled)
    try golden.expect("pooled", losses: steps.map(\.loss), tuned)

    let solver = Run("lbfgs", activation: .identity) {
      $0.optimizer = .lbfgs
      $0.layers = .classifier
      $0.batchNorm = .frozen
      $0.epochs = 200
    }
    let (iterations, minimum) = try golden.tune(solver, start: start, features: pooled)
    #expect(iterations.count < 200)
    let objective = try #require(iterations.last).loss
    #expect(try abs(objective - golden.doubles("lbfgs.objective")[0]) < 1e-6)
    // The penalty makes the objective 0.01-strongly convex: within 1e-6 of the minimum the weights are within 1.4e-2 of
    // the minimiser, and float32 gradients decide where in that bowl a kernel type stops.
    try golden.expectEqual(minimum.weight.map(Double.init), "lbfgs.weight", tolerance: 5e-3)
  }

  @Test func threadsDoNotChangeAnyBit() throws {
    let golden = try Golden()
    let results = try [1, 2, 3].map { threads in
      try golden.tune(
        Run("batch"), start: golden.start(), features: golden.maps(true), threads: threads)
    }
    #expect(results[0].tuned == results[1].tuned && results[0].tuned == results[2].tuned)
    #expect(results[0].steps == results[1].steps && results[0].steps == results[2].steps)
  }
}

/// The golden file's data as the module takes it.
struct Golden {
  let file: any CheckpointSource

  init() throws { file = try openCheckpoint(.path(Fixtures.path("goldens/FineTuning/tuning.safetensors"))) }

  func doubles(_ name: String) throws -> [Double] {
    try file.value(TensorName(name)).doubles()
  }

  /// Little-endian 64-bit integers.
  func integers(_ name: String) throws -> [Int] {
    let bytes = try file.value(TensorName(name)).bytes
    return stride(from: 0, to: bytes.count, by: 8).map { first in
      (0..<8).reduce(0) { $0 | Int(bytes[first + $1]) << (8 * $1) }
    }
  }

  private func floats(_ name: String) throws -> [Float] { try doubles("data.\(name)").map(Float.init) }

  func start() throws -> TailParameters {
    TailParameters(
      weight: try floats("weight"), bias: try floats("bias"),
      batchNorm: BatchNormParameters(
        gamma: try floats("gamma"), beta: try floats("beta"),
        runningMean: try doubles("data.running_mean"), runningVar: try doubles("data.running_var"),
        numBatchesTracked: 100, eps: 1e-5, momentum: 0.1),
      classes: 5, channels: 11)
  }

  func maps(_ hasResidual: Bool) throws -> FeatureMaps {
    let map = try floats("map")
    let residual = try floats("residual")
    let maps = try FeatureMaps(FeatureShape(count: 26, positions: 9, channels: 11, hasResidual: hasResidual))
    for index in 0..<26 {
      let range = index * 99..<(index + 1) * 99
      try maps.store(index, map: Array(map[range]), residual: hasResidual ? Array(residual[range]) : nil)
    }
    return maps
  }

  func tune(
    _ run: TuningGoldenTests.Run, start: TailParameters, features: FeatureMaps, threads: Int = 2
  ) throws -> (steps: [StepRecord], tuned: TailParameters) {
    var options = run.options
    let orders = try integers("data.orders")
    if options.optimizer != .lbfgs { options.order = (0..<4).map { Array(orders[$0 * 26..<($0 + 1) * 26]) } }
    let labels = try integers("data.labels")
    let tuner = try ClassifierTuner(
      options, activation: run.activation, pool: ThreadPool(threads: threads))
    var steps: [StepRecord] = []
    let tuned = try tuner.tune(
      start,
      on: LabelledFeatures(
        features: features, labels: labels, teacherLogits: try floats("teacher")),
      onStep: { steps.append($0) })
    return (steps, tuned)
  }

  func expect(_ run: String, losses: [Double], _ tuned: TailParameters) throws {
    try expectEqual(losses, "\(run).losses")
    try expectEqual(tuned.weight.map(Double.init), "\(run).weight")
    try expectEqual(try #require(tuned.bias).map(Double.init), "\(run).bias")
  }

  func expectEqual(_ found: [Double], _ name: String, tolerance: Double = 2e-5) throws {
    let expected = try doubles(name)
    #expect(found.count == expected.count)
    for (a, b) in zip(found, expected) { #expect(abs(a - b) < tolerance, "\(name)") }
  }
}
