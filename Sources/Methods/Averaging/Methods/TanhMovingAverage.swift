import Checkpoint
import Platform

/// The tanh-adaptive exponential moving average (T_ADEMA): d = α·tanh(n) with n the number of checkpoints already
/// averaged.
///
/// Published code counts n up at every tensor, which makes d almost α from the second tensor on; here n counts
/// checkpoints, as the formula says.
struct TanhMovingAverage: AveragingMethod {
  static let name = "tanh-ema"
  static let aliases = ["t-adema"]
  static let parameters: [MethodParameter] = [.alpha]

  let alpha: Double

  init(_ parameters: MethodParameters = MethodParameters()) throws {
    alpha = try parameters.number(.alpha, "a number from 0 to 1") { (0...1).contains($0) } ?? 0.9
  }

  var settings: [(String, JSON)] { [("alpha", .number("\(alpha)"))] }

  func combination(of timeline: Timeline) throws -> Combination {
    .linear(.movingAverage(decays: (0..<timeline.count).map { alpha * tanh(Double($0)) }))
  }
}
