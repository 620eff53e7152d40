import Checkpoint
import Command
import Evaluation
import ImageData
import NetworkCommand
import ResolutionSweep

/// Result of the measurement, here or by shards, and what a report says of the run besides the scores.
struct SweepResult {
  var recipe: SweepPart.Recipe
  var measurements: Measurements
  var recalibrations: [Recalibration]
  /// Empty if no checkpoint is needed any more.
  var models: [LoadedModel]
  /// Nil after merging.
  var dataset: (any ImageDataset)?
  /// Scores the chosen setting.
  var confirmation: (any ImageDataset)?
  var race: RaceSummary?
  /// Outputs in use; nil for all.
  var subset: ClassSubset?
  /// The classes that each image shows by reassessed labels.
  var real: [Set<Int>?]?
  /// Logits of the only setting, if they were kept.
  var logits: LogitTable?
  /// Latency of every setting, if it was measured.
  var latencies: [Latency]?

  /// Members of the report on the run.
  func runMembers(tool: String) -> [(String, JSON)] {
    let checkpoints = recipe.checkpoints.enumerated().map { index, path -> JSON in
      var members: [(String, JSON)] = [("path", .string(path))]
      if recipe.architectures.indices.contains(index) {
        members.append(("architecture", .string(recipe.architectures[index])))
      }
      if let model = models.indices.contains(index) ? models[index] : nil {
        if let size = trainSize(of: model.source) { members.append(("train_size", JSON(size))) }
        if let state = model.source.metadata[MetadataKey.batchNorm] { members.append(("bn", .string(state))) }
      }
      return .object(members)
    }
    var members: [(String, JSON)] = [
      ("tool", .string(tool)), ("version", .string(toolsVersion)), ("checkpoints", .array(checkpoints)),
    ]
    if let calibration = recipe.calibration { members.append(("bnfix", calibration.json)) }
    if let race { members.append(("race", race.json)) }
    return members
  }

  /// Members of the report on the classes: results of one setting on all images.
  func classMembers(of setting: Int) -> [(String, JSON)] {
    let outcomes = measurements.outcomes[setting]
    let names = dataset?.classNames
    let tally = ClassTally(outcomes)
    func number(_ value: Double?) -> JSON { value.map { JSON($0) } ?? .null }
    let classes = tally.images.indices.map { index in
      var members: [(String, JSON)] = [("class", JSON(index))]
      if let names, names.indices.contains(index) { members.append(("name", .string(names[index]))) }
      return JSON.object(
        members + [
          ("n", JSON(tally.images[index])), ("predicted", JSON(tally.predictions[index])),
          ("correct", JSON(tally.correct[index])), ("accuracy", number(tally.accuracy(index))),
          ("precision", number(tally.precision(index))), ("f1", number(tally.f1(index))),
        ])
    }
    let confusion = ConfusionCell.table(outcomes).map {
      JSON.array([JSON($0.label), JSON($0.predicted), JSON($0.count)])
    }
    return [("classes", .array(classes)), ("confusion", .array(confusion))]
  }
}
