import Testing

@testable import Averaging

@Suite struct MethodTests {
  private func weights(_ method: any AveragingMethod, _ count: Int) throws -> [Double] {
    let timeline = try Timeline(names: (0..<count).map { "\($0)" })
    guard case .linear(let linear) = try method.combination(of: timeline) else {
      Issue.record("not linear")
      return []
    }
    return linear.weights
  }

  @Test func meanWeightsAreEqual() throws {
    #expect(try weights(Mean(), 4) == [0.25, 0.25, 0.25, 0.25])
  }

  @Test func emaWeightsAreGeometric() throws {
    let ema = try ExponentialMovingAverage(parameters([.decay: 0.5]))
    #expect(try weights(ema, 4) == [0.125, 0.125, 0.25, 0.5])
    #expect(try weights(ema, 1) == [1])
  }

  /// The effective sample size of EMA 0.9 over ten checkpoints is 5.13, of the mean 10.
  @Test func effectiveSampleSize() throws {
    let timeline = try Timeline(names: (0..<10).map { "\($0)" })
    func size(_ method: any AveragingMethod) throws -> Double {
      guard case .linear(let linear) = try method.combination(of: timeline) else { return 0 }
      return linear.effectiveSampleSize
    }
    #expect(abs(try size(ExponentialMovingAverage()) - 5.13) < 0.005)
    #expect(abs(try size(Mean()) - 10) < 1e-12)
    #expect(abs(try size(ExponentialMovingAverage(parameters([.decay: 0.9999]))) - 1.00) < 0.005)
  }

  @Test func everyMethodIsFoundByItsNames() throws {
    var names: [String] = []
    for method in averagingMethods { names += [method.name] + method.aliases }
    #expect(Set(names).count == names.count)
    #expect(try averagingMethod("swa", MethodParameters()) is Mean)
    expect(.unknownMethod("nonsense", known: averagingMethods.map { $0.name })) {
      _ = try averagingMethod("nonsense", MethodParameters())
    }
  }

  @Test func uselessAndWrongParametersAreRefused() {
    expect(.parameterNotTaken(method: "mean", .decay)) {
      _ = try averagingMethod("mean", parameters([.decay: 0.5]))
    }
    for value in [-0.1, 1.1] {
      expect(.parameterOutOfRange(.decay, value: value, range: "a number from 0 to 1")) {
        _ = try averagingMethod("ema", parameters([.decay: value]))
      }
    }
    #expect(throws: AveragingError.self) { _ = try averagingMethod("ema", parameters([.decay: .nan])) }
  }

  @Test func emptySeries() { expect(.emptySeries) { _ = try Timeline(names: []) } }
}
