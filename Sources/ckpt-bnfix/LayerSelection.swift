import BatchNormCalibration
import CommandSupport
import ConvNet

/// The BatchNorms whose names match `pattern`; without one, all but the frozen.
func selectedLayers(of model: LoadedModel, matching pattern: String?) throws -> [BatchNormLayer] {
  let all = model.network.batchNorms
  guard !all.isEmpty else {
    let error = CalibrationError.noBatchNorm(architecture: model.network.architectureName)
    guard model.network.isImported else { throw error }
    throw Failure(.badData, "\(error); if the exporter left them out, \(ONNXImportError.exportAdvice)")
  }
  guard let pattern else {
    let frozen = Set(model.frozenLayers)
    return all.filter { !frozen.contains($0) }
  }
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

extension LoadedModel {
  /// The BatchNorms that training had frozen: they have no step counter, as torchvision's `FrozenBatchNorm2d`, while
  /// others have one. A file without any counter is older than the counters, and tells nothing.
  var frozenLayers: [BatchNormLayer] {
    let uncounted = network.batchNorms.filter { source.spec($0.numBatchesTrackedKey) == nil }
    return uncounted.count < network.batchNorms.count ? uncounted : []
  }
}
