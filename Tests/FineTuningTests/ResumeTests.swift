import Checkpoint
import Platform
import TensorMath
import TestSupport
import Testing

@testable import FineTuning

@Suite struct ResumeTests {
  static func options(_ change: (inout TuningOptions) -> Void) -> TuningOptions {
    var options = TuningOptions()
    options.epochs = 6
    options.batchSize = 8
    options.learningRate = 0.05
    change(&options)
    return options
  }

  static let cases = [
    options { $0.averaging = .ema(decay: 0.9, every: 2) },
    options { $0.averaging = .swa(from: 2) },
    options { $0.optimizer = .adam },
    options {
      $0.schedule = .plateau(patience: 0, gamma: 0.5)
      $0.patience = 3
      $0.learningRate = 1
    },
    options { $0.reshuffles = false },
  ]

  /// Stopped after any epoch, written to a file and resumed: the bits of a run that never stopped.
  @Test(arguments: cases.indices) func goesOnAsIfItHadNeverStopped(_ index: Int) throws {
    let options = Self.cases[index]
    let golden = try Golden()
    let samples = LabelledFeatures(
      features: try golden.maps(true), labels: try golden.integers("data.labels"))
    let tuner = try ClassifierTuner(options, activation: .relu, pool: ThreadPool(threads: 2))
    let start = try golden.start()
    let folder = try TemporaryFolder()
    var whole: [EpochRecord] = []
    let expected = try tuner.tune(start, on: samples, validation: samples) { record, state in
      whole.append(record)
      let (tensors, metadata) = try #require(state()).encoded(run: "r")
      try writeCheckpoint(tensors, metadata: metadata, to: .path(folder.file("\(record.epoch)")))
    }
    for epoch in 1..<whole.count {
      let source = try openCheckpoint(.path(folder.file("\(epoch)")))
      let state = try TuningState(source, run: "r", like: start)
      var rest: [EpochRecord] = []
      let found = try tuner.tune(start, on: samples, validation: samples, resuming: state) { record, _ in
        rest.append(record)
      }
      #expect(found == expected, "after epoch \(epoch)")
      #expect(rest == Array(whole.dropFirst(epoch)))
    }
  }

  /// A rate that ruins the classifier: early stopping gives back the start, and says so in no record.
  @Test func earlyStoppingKeepsAStartThatNoEpochImproves() throws {
    let golden = try Golden()
    let samples = LabelledFeatures(
      features: try golden.maps(true), labels: try golden.integers("data.labels"))
    let start = try golden.start()
    // First to a good start, which is then ruined.
    let good = try ClassifierTuner(
      Self.options { $0.epochs = 20 }, activation: .relu, pool: ThreadPool(threads: 2)
    ).tune(start, on: samples)
    var records: [EpochRecord] = []
    let tuner = try ClassifierTuner(
      Self.options { ($0.learningRate, $0.patience) = (50, 2) }, activation: .relu,
      pool: ThreadPool(threads: 2))
    let kept = try tuner.tune(good, on: samples, validation: samples) { record, _ in records.append(record) }
    #expect(kept == good)
    #expect(records.count == 2 && !records.contains(where: \.isBest))
  }

  /// One step of LAMB without weight decay: the paper scales it by ‖w‖/‖update‖, timm leaves it at the rate.
  @Test(arguments: [
    (TuningOptions.TrustRatio.always, 0.0, 0.5), (.decayed, 0, 0.1), (.decayed, 1e-12, 0.5),
  ]) func lambScalesWhatItsTrustRatioSays(trust: TuningOptions.TrustRatio, decay: Double, expected: Double) {
    let optimizer = Adam(.lamb, weightDecay: decay, trustRatio: trust)
    let parameter = TrainableParameter(Tensor(shape: [4], values: [5, 5, 5, 5]), decays: true)
    for i in 0..<4 { parameter.gradient.pointer[i] = 1 }
    // ‖w‖ = 10, the first update is 1 everywhere, of norm 2: the ratio is 5.
    optimizer.step([parameter], learningRate: 0.1, pool: ThreadPool(threads: 1))
    for value in parameter.value.values { #expect(abs(5 - Double(value) - expected) < 1e-5) }
  }

  /// 450 updates with decay 0.9999 leave 0.9999⁴⁵⁰ of the start.
  @Test func aMovingAverageKnowsItsWeights() {
    let average = WeightAveraging.ema(decay: 0.9999, every: 1)
    #expect(abs(average.initialShare(steps: 450) - 0.95599) < 1e-5)
    #expect(WeightAveraging.ema(decay: 0.5, every: 4).initialShare(steps: 11) == 0.25)
    #expect(WeightAveraging.swa(from: 2).initialShare(steps: 9) == 0)
  }

  @Test func aForeignStateIsRefused() throws {
    let golden = try Golden()
    let start = try golden.start()
    #expect(throws: TuningError.self) { try TuningState(golden.file, run: "r", like: start) }
    let state = TuningState(
      epoch: 1, parameters: start, optimizer: OptimizerState(steps: 1, slots: []), average: [],
      averageCount: 0, plateau: PlateauWatch(patience: 0), stopping: PlateauWatch(patience: 0), best: nil)
    let folder = try TemporaryFolder()
    let (tensors, metadata) = state.encoded(run: "r")
    try writeCheckpoint(tensors, metadata: metadata, to: .path(folder.file("s")))
    let source = try openCheckpoint(.path(folder.file("s")))
    #expect(try TuningState(source, run: "r", like: start) == state)
    #expect(throws: TuningError.self) { try TuningState(source, run: "other", like: start) }
    let other = start.withNewHead(classes: 7, .zero, seed: 0)
    #expect(throws: TuningError.self) { try TuningState(source, run: "r", like: other) }
  }

  /// Counters and vectors that the run has not left are refused before anything is written through them.
  @Test(arguments: [
    options { _ in }, options { $0.optimizer = .adam }, options { $0.averaging = .ema(decay: 0.9, every: 2) },
    options { $0.patience = 3 },
  ]) func statesThatNoRunLeavesAreRefused(_ options: TuningOptions) throws {
    let golden = try Golden()
    let samples = LabelledFeatures(
      features: try golden.maps(true), labels: try golden.integers("data.labels"))
    let tuner = try ClassifierTuner(options, activation: .relu, pool: ThreadPool(threads: 2))
    let start = try golden.start()
    var first: TuningState?
    _ = try tuner.tune(start, on: samples, validation: samples) { record, state in
      if record.epoch == 2 { first = state() }
    }
    let good = try #require(first)
    let count = samples.labels.count
    #expect(good.misfit(options, like: start, samples: count) == nil)
    let changes: [(inout TuningState) -> Void] = [
      { $0.epoch = .max }, { $0.epoch = options.epochs + 1 }, { $0.epoch = 0 }, { $0.epoch = -1 },
      { $0.optimizer.steps = .max }, { $0.optimizer.steps += 1 }, { $0.optimizer.steps = -1 },
      { $0.optimizer.slots[0].removeLast() }, { $0.optimizer.slots[0] = [] },
      { $0.optimizer.slots.removeLast() }, { $0.optimizer.slots = [] }, { $0.optimizer.slots.append([1]) },
      { $0.average.append([1]) }, { $0.averageCount = .max }, { $0.averageCount -= 1 },
      { $0.plateau = PlateauWatch(patience: 99) }, { $0.stopping = PlateauWatch(patience: .max) },
    ]
    for (index, change) in changes.enumerated() {
      var state = good
      change(&state)
      #expect(state.misfit(options, like: start, samples: count) != nil, "change \(index)")
      #expect(throws: TuningError.self, "change \(index)") {
        try tuner.tune(start, on: samples, validation: samples, resuming: state)
      }
    }
  }

  /// β₂ to the number of steps reaches a value that multiplication no longer changes.
  @Test func adamAfterVeryManySteps() throws {
    let optimizer = Adam(.adam, weightDecay: 0)
    optimizer.state = OptimizerState(steps: 1 << 40, slots: [[0], [1]])
    let parameter = TrainableParameter(Tensor(shape: [1], values: [1]), decays: false)
    parameter.gradient.pointer[0] = 1
    optimizer.step([parameter], learningRate: 1, pool: ThreadPool(threads: 1))
    // m = 0.1, v = 1: both corrections have become 1.
    #expect(abs(parameter.value.pointer[0] - 0.9) < 1e-6)
  }
}
