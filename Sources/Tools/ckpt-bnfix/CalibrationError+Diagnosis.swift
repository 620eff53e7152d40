import BatchNormCalibration
import Checkpoint
import Command
import NetworkCommand

extension LoadedModel {
  /// The error with the tensor that caused it, where it is one of the checkpoint's: images alone are never
  /// NaN.
  func diagnosis(of error: CalibrationError) throws -> any Error {
    guard case .notFinite = error else { return error }
    for spec in source.tensors where spec.dtype.isFloatingPoint {
      let values = try source.value(spec.name).floats()
      guard let place = values.firstIndex(where: { !$0.isFinite }) else { continue }
      return Failure(
        .badData,
        "\(source.label): tensor \"\(spec.name.escaped)\": NaN or infinity at element \(place); it shows first in \(error)"
      )
    }
    return Failure(.badData, "\(source.label): \(error)")
  }
}

/// A number and what it counts, such as "1 image" or "2 batches".
func counted(_ count: Int, _ singular: String, _ plural: String? = nil) -> String {
  "\(count) \(count == 1 ? singular : plural ?? singular + "s")"
}

extension PartError: AdvisedError {
  package var advice: String? {
    guard case .missing = self else { return nil }
    return "--merge takes the parts of all shards"
  }
}
