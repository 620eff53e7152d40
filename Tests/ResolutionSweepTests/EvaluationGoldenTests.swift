import Checkpoint
import TestSupport
import Testing

@testable import Evaluation

/// Measures against scikit-learn's and SciPy's (`fixtures/goldens/Evaluation/make_evaluation_goldens.py`).
@Suite struct EvaluationGoldenTests {
  private let file: any CheckpointSource
  private let outcomes: SettingOutcomes
  private let table: LogitTable

  init() throws {
    file = try openCheckpoint(.path(Fixtures.path("goldens/Evaluation/evaluation.safetensors")))
    let logits = try file.value("logits").doubles()
    let labels = try file.value("labels").doubles().map { Int($0) }
    let classes = logits.count / labels.count
    var outcomes = SettingOutcomes()
    var table = LogitTable(classCount: classes)
    for (image, label) in labels.enumerated() {
      let row = Array(logits[image * classes..<(image + 1) * classes])
      outcomes.append(Outcome(logits: row, label: label))
      table.append(row, label: label)
    }
    self.outcomes = outcomes
    self.table = table
  }

  private func golden(_ name: String) throws -> [Double] { try file.value(TensorName(name)).doubles() }

  @Test func meansOverClassesEqualScikitLearn() throws {
    let tally = ClassTally(outcomes, classCount: 7)
    #expect(try abs(tally.balancedAccuracy - golden("balanced_accuracy")[0]) < 1e-14)
    #expect(try abs(tally.macroF1 - golden("macro_f1")[0]) < 1e-14)
    // scikit-learn writes 0 where nothing is defined.
    #expect(try (0..<7).map { tally.accuracy($0) ?? 0 } == golden("recall"))
    for (own, expected) in try zip((0..<7).map { tally.f1($0) ?? 0 }, golden("f1")) {
      #expect(abs(own - expected) < 1e-14)
    }
  }

  @Test func confusionEqualsScikitLearn() throws {
    var counts = [Double](repeating: 0, count: 49)
    for cell in ConfusionCell.table(outcomes) { counts[cell.label * 7 + cell.predicted] = Double(cell.count) }
    #expect(try counts == golden("confusion"))
  }

  @Test func lossAndBrierScoreEqualScikitLearn() throws {
    #expect(try abs(outcomes.meanLoss - golden("log_loss")[0]) < 1e-12)
    #expect(try abs(outcomes.meanBrierScore - golden("brier")[0]) < 1e-12)
  }

  @Test func adaptiveCalibrationErrorEqualsNumPy() throws {
    // Confidences are kept in float32.
    #expect(try abs(outcomes.adaptiveCalibrationError - golden("adaptive_calibration_error")[0]) < 1e-7)
  }

  @Test func temperatureEqualsSciPy() throws {
    let scaling = try TemperatureScaling(table, seed: 0)
    #expect(try abs(scaling.temperature / golden("temperature")[0] - 1) < 1e-6)
    #expect(
      try abs(
        table.outcomes(of: 0..<table.count, temperature: scaling.temperature).meanLoss
          - golden("scaled_log_loss")[0]) < 1e-6)
    #expect(!scaling.isAtBound)
  }

  /// Each half is measured with the temperature of the other, which is a little worse than its own.
  @Test func theEffectIsMeasuredOnOtherImages() throws {
    let scaling = try TemperatureScaling(table, seed: 1)
    let best = try golden("scaled_log_loss")[0]
    #expect(scaling.after.meanLoss > best && scaling.after.meanLoss < best + 0.02)
    #expect(scaling.after.predicted == scaling.before.predicted)
    #expect(scaling.after.calibrationError < scaling.before.calibrationError)
    let again = try TemperatureScaling(table, seed: 1)
    #expect(again.after == scaling.after)
  }

  @Test func imagesThatAreAllRightHaveNoTemperature() throws {
    var certain = LogitTable(classCount: 2)
    for label in [0, 1, 0, 1] { certain.append(label == 0 ? [2, 1] : [1, 2], label: label) }
    #expect(try TemperatureScaling(certain, seed: 0).isAtBound)
    var one = LogitTable(classCount: 2)
    one.append([0, 1], label: 0)
    #expect(throws: EvaluationError.tooFewToCalibrate(count: 1)) { try TemperatureScaling(one, seed: 0) }
  }
}
