import BatchNormCalibration
import Command
import NetworkCommand
import NetworkGraphs

/// The BatchNorms whose names match `pattern`; without one, all but the frozen.
func selectedLayers(of model: LoadedModel, matching pattern: String?) throws -> [BatchNormLayer] {
  let all = model.network.batchNorms
  guard !all.isEmpty else {
    let error = CalibrationError.noBatchNorm(architecture: model.network.architectureName)
    guard model.network.description.isImported else { throw error }
    throw Failure(.badData, "\(error); if the exporter left them out, \(ONNXImportError.exportAdvice)")
  }
  guard let pattern else { return model.network.trainedBatchNorms }
  guard let regex = try? Regex(pattern) else {
    throw Failure(.usage, "--layers: \(pattern) is no regular expression")
  }
  let selected = all.filter { $0.name.contains(regex) }
  guard !selected.isEmpty else {
    throw Failure(
      .badData, "no BatchNorm layer matches \(pattern); --verbose without --layers lists their names")
  }
  return selected
}
