import Command
import ImageData

extension ImageDataError: AdvisedError {
  package var advice: String? {
    guard case .badImage = self else { return nil }
    return "--skip-bad N leaves out up to N such images"
  }
}
