import Averaging
import Command

/// A method as the command line offers it.
struct OfferedMethod: Sendable {
  let name: String
  let aliases: [String]
  /// The method with the parameters given; options that it does not ask for have no meaning for it.
  let make: @Sendable (MethodArguments) throws -> any AveragingMethod

  init<Method: AveragingMethod>(_ make: @escaping @Sendable (MethodArguments) throws -> Method) {
    name = Method.name
    aliases = Method.aliases
    self.make = make
  }
}

/// Every method; a new one is a file in `Averaging/Methods` and a line here.
let offeredMethods: [OfferedMethod] = [
  OfferedMethod { try $0.counts.map { try Mean(counts: $0.values) } ?? Mean() },
  OfferedMethod { try $0.exponentialMovingAverage() },
  OfferedMethod { try $0.alpha.map { try TanhMovingAverage(alpha: $0) } ?? TanhMovingAverage() },
  OfferedMethod { try PowerMovingAverage($0.width(PowerMovingAverage.name)) },
  OfferedMethod { arguments in
    try PosthocMovingAverage(
      arguments.width(PosthocMovingAverage.name),
      sourceSigmas: arguments.required(\.sourceSigma, "--source-sigma", PosthocMovingAverage.name).values,
      targetStep: arguments.targetStep)
  },
  OfferedMethod { MergingSchedule(try $0.required(\.schedule, "--schedule", MergingSchedule.name)) },
  OfferedMethod { try GaussianMoments(rank: $0.swagRank ?? 20, isCentered: $0.swagCentered) },
  OfferedMethod { _ in Median() },
  OfferedMethod { try $0.trim.map { try TrimmedMean(trim: $0) } ?? TrimmedMean() },
  OfferedMethod { arguments in
    try WeightedSum(
      weights: arguments.required(\.weights, "--weights", WeightedSum.name).values,
      isNormalized: !arguments.unnormalized)
  },
  OfferedMethod { try $0.sphericalInterpolation() },
  OfferedMethod {
    try TaskArithmetic(weights: $0.required(\.weights, "--weights", TaskArithmetic.name).values)
  },
  OfferedMethod { _ in ModelStock() },
  OfferedMethod { try SignElection(weights: $0.weights?.values, density: $0.density ?? 0.2) },
]

/// The options of a method, and which of them it has asked for.
@dynamicMemberLookup
final class MethodArguments {
  private let options: MethodOptions
  private var asked: Set<PartialKeyPath<MethodOptions>> = []

  init(_ options: MethodOptions) { self.options = options }

  /// An option, which has a meaning from now on.
  subscript<Value>(dynamicMember path: KeyPath<MethodOptions, Value>) -> Value {
    asked.insert(path)
    return options[keyPath: path]
  }

  /// An option that the method cannot do without.
  func required<Value>(
    _ path: KeyPath<MethodOptions, Value?>, _ flag: String, _ method: String
  ) throws -> Value {
    guard let value = self[dynamicMember: path] else {
      throw Failure(.usage, "method \(method) needs \(flag)")
    }
    return value
  }

  /// - Throws: `Failure` for an option that was given and that the method has not asked for: a setting without effect is
  ///   a misunderstanding.
  func refuseOthers(method: String) throws {
    for (path, flag) in options.given where !asked.contains(path) {
      let advice = Self.fitting(options).map { "; --method \($0) takes it" } ?? ""
      throw Failure(.usage, "\(flag) has no meaning for method \(method)\(advice)")
    }
  }

  /// The first method that all of the options have a meaning for.
  private static func fitting(_ options: MethodOptions) -> String? {
    offeredMethods.first { offered in
      let arguments = MethodArguments(options)
      guard let made = try? offered.make(arguments) else { return false }
      if made.beginsWithPretrained {
        guard arguments.pretrained != nil else { return false }
        _ = arguments.group
      }
      return options.given.allSatisfy { arguments.asked.contains($0.path) }
    }?.name
  }
}

extension MethodArguments {
  /// The width of a power-function average, said in one of two ways.
  fileprivate func width(_ method: String) throws -> PowerProfile.Width {
    switch (self.sigma, self.gamma) {
    case (let sigma?, nil): return .sigma(sigma)
    case (nil, let gamma?): return .gamma(gamma)
    case (nil, nil): throw Failure(.usage, "method \(method) needs --sigma or --gamma")
    default: throw Failure(.usage, "--sigma and --gamma exclude each other")
    }
  }

  fileprivate func sphericalInterpolation() throws -> SphericalInterpolation {
    guard let weights = self.weights?.values else { return try SphericalInterpolation() }
    guard weights.count == 2, weights.allSatisfy({ $0 >= 0 }), weights[0] + weights[1] > 0 else {
      throw Failure(.usage, "method slerp takes two --weights from 0, one of them above 0")
    }
    return try SphericalInterpolation(share: weights[1] / (weights[0] + weights[1]))
  }

  fileprivate func exponentialMovingAverage() throws -> ExponentialMovingAverage {
    if self.decay != nil && self.halfLife != nil {
      throw Failure(.usage, "--decay and --half-life exclude each other")
    }
    let (power, gamma) = (self.warmupPower, self.warmupGamma)
    let warmup =
      self.warmup || power != nil || gamma != nil
      ? try ExponentialMovingAverage.Warmup(power: power ?? 2.0 / 3, gamma: gamma ?? 1) : nil
    return try ExponentialMovingAverage(
      decay: self.decay?.values[0] ?? self.halfLife.map { try ExponentialMovingAverage.decay(halfLife: $0) },
      interval: self.decayInterval, isDebiased: self.debiased, warmup: warmup)
  }
}
