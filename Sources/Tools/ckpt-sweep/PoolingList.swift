import ArgumentParser
import Evaluation
import NetworkCommand
import Platform

/// Poolings as the command line names them, separated by commas.
struct PoolingList: ExpressibleByArgument {
  enum Choice: Equatable {
    case average
    /// Nil is the size that the last map had in training.
    case testTime(window: Int?)
  }

  let choices: [Choice]

  init?(argument: String) {
    var choices: [Choice] = []
    for name in argument.split(separator: ",", omittingEmptySubsequences: false) {
      switch name {
      case "average": choices.append(.average)
      case "test-time": choices.append(.testTime(window: nil))
      default:
        guard let window = String(name).dropping(prefix: "test-time:").flatMap({ Int($0) }),
          (1...16384).contains(window)
        else { return nil }
        choices.append(.testTime(window: window))
      }
    }
    self.choices = choices
  }
}

extension PoolingList.Choice {
  /// The side of the last map of an ImageNet network at 224 pixels, and timm's `pool_size` for most.
  private static let usualWindow = 7

  /// The pooling for a model, whose metadata may record the size of the images that it was trained on.
  func resolved(for model: LoadedModel) throws -> Pooling {
    guard case .testTime(let given) = self else { return .average }
    if let given { return .testTime(window: given) }
    guard let size = trainSize(of: model.source) else { return .testTime(window: Self.usualWindow) }
    guard let map = try model.network.pooledMapSize(height: size, width: size) else {
      throw EvaluationError.noPooling(architecture: model.network.architectureName)
    }
    return .testTime(window: map.height)
  }
}
