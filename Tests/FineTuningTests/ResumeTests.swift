import Checkpoint
import Platform
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
}
