import Checkpoint
import Platform
import Statistics
import TestSupport
import Testing

@testable import Averaging

/// Methods that look at the values of a tensor, or start from a pretrained model, against NumPy in float64.
@Suite struct MergingTests {
  private func merge(
    _ sources: [any CheckpointSource], _ method: any AveragingMethod, threads: Int = 2,
    groups: GroupCoefficients? = nil
  ) throws -> (result: any CheckpointSource, folder: TemporaryFolder) {
    let timeline = try Timeline(names: sources.map(\.label))
    var plan = try AveragingPlan(try Series(sources), try method.combination(of: timeline))
    let pool = ThreadPool(threads: threads)
    if let method = method as? any TensorwiseMethod { plan = try plan.refined(by: method, pool: pool) }
    if let groups { plan = try plan.scaled(by: groups, pretrained: 0).plan }
    let folder = try TemporaryFolder()
    let writer = try CheckpointWriter(
      to: .path(folder.file("out")), tensors: plan.entries.map(\.output), metadata: Metadata())
    try AveragingPass([plan]).run(into: [writer], pool: pool)
    try writer.finish()
    return (try openCheckpoint(.path(folder.file("out"))), folder)
  }

  @Test(arguments: ["slerp", "task-arithmetic", "model-stock", "ties"]) func equalsNumPy(name: String) throws
  {
    let golden = try openCheckpoint(.path(Fixtures.path("goldens/Averaging/merging.safetensors")))
    let method: any AveragingMethod
    var epochs = [95, 98, 101, 104]
    switch name {
    case "slerp":
      method = try SphericalInterpolation(share: 0.25)
      epochs = [95, 104]
    case "task-arithmetic": method = try TaskArithmetic(weights: [0.5, -0.25, 1])
    case "model-stock": method = ModelStock()
    default: method = try SignElection(weights: [1, 2, 1], density: 0.3)
    }
    let sources = try epochs.map { try openCheckpoint(.path(Fixtures.path("run/epoch-\($0).safetensors"))) }
    for threads in [1, 3] {
      let merged = try merge(sources, method, threads: threads)
      let expected = golden.tensors.filter { $0.name.string.hasPrefix(name + "/") }
      #expect(expected.count == 6)
      for tensor in expected {
        let found = try merged.result.value(TensorName(String(tensor.name.string.dropFirst(name.count + 1))))
        for (x, y) in zip(try found.floats(), try golden.value(tensor.name).floats()) {
          #expect(abs(x - y) <= 2 * y.ulp, "\(tensor.name)")
        }
      }
    }
  }

  private func vectors(_ rows: [[Float]]) throws -> (Samples, [any CheckpointSource]) {
    let samples = try Samples()
    return (
      samples,
      try rows.enumerated().map { index, row in
        try openCheckpoint(.path(try samples.write("m\(index)", row)))
      }
    )
  }

  /// A quarter turn half way: both by 1/√2. Parallel and zero vectors are mixed linearly.
  @Test func sphericalInterpolationOfSimpleVectors() throws {
    let (_, sources) = try vectors([[2, 0], [0, 4]])
    let half = try merge(sources, SphericalInterpolation()).result.value("w").floats()
    #expect(
      abs(half[0] - 2 / Float(2).squareRoot()) < 1e-6 && abs(half[1] - 4 / Float(2).squareRoot()) < 1e-6)
    let (_, parallel) = try vectors([[2, 0], [4, 0]])
    #expect(try merge(parallel, SphericalInterpolation(share: 0.25)).result.value("w").floats() == [2.5, 0])
    let (_, zero) = try vectors([[0, 0], [4, 2]])
    #expect(try merge(zero, SphericalInterpolation()).result.value("w").floats() == [2, 1])
    #expect(throws: AveragingError.self) {
      _ = try SphericalInterpolation().combination(of: Timeline(names: ["a", "b", "c"]))
    }
  }

  /// Differences (2, 0) and (0, 2) have no angle in common: the pretrained model stays. Equal ones give the mean.
  @Test func modelStockOfSimpleVectors() throws {
    let (_, right) = try vectors([[1, 1], [3, 1], [1, 3]])
    #expect(try merge(right, ModelStock()).result.value("w").floats() == [1, 1])
    let (_, equal) = try vectors([[1, 1], [3, 1], [5, 1]])
    #expect(try merge(equal, ModelStock()).result.value("w").floats() == [4, 1])
    // cos = ½ and N = 2: t = 2/3 of the way to the mean (2, 1).
    let (_, sixty) = try vectors([[0, 0], [2, 0], [1, Float(3).squareRoot()]])
    let found = try merge(sixty, ModelStock()).result.value("w").floats()
    #expect(abs(found[0] - 1) < 1e-6 && abs(found[1] - Float(3).squareRoot() / 3) < 1e-6)
    let (_, opposite) = try vectors([[1, 1], [3, 1], [-1, 1]])
    #expect(try merge(opposite, ModelStock()).result.value("w").floats() == [1, 1])
    expect(.tooFew(method: "model-stock", needed: 2, found: 1)) {
      _ = try ModelStock().combination(of: Timeline(names: ["a", "b"]))
    }
  }

  @Test func signElectionOfSimpleVectors() throws {
    // Of 4 elements 2 are kept: (5, -4) of the first, and of four equal magnitudes the first two.
    let (_, sources) = try vectors([[0, 0, 0, 0], [5, -4, 3, 1], [2, 2, -2, 2]])
    let found = try merge(sources, SignElection(density: 0.5)).result.value("w").floats()
    #expect(found == [3.5, -4, 0, 0])
  }

  /// A fifth of one element would be none, and the merge would lose scalars such as temperatures.
  @Test func oneElementOfASmallTensorIsKept() throws {
    let (_, scalars) = try vectors([[1], [3], [7]])
    #expect(try merge(scalars, SignElection(density: 0.2)).result.value("w").floats() == [5])
    let (_, pairs) = try vectors([[0, 0], [1, 2], [4, 3]])
    #expect(try merge(pairs, SignElection(density: 0.2)).result.value("w").floats() == [4, 2])
  }

  /// No difference from NaN is the larger or has a sign; an election that drops it would hide a broken model.
  @Test func aBrokenModelIsNoPartOfAnElection() throws {
    for broken in [Float.nan, .infinity, -.infinity] {
      let (samples, sources) = try vectors([[0, 0], [1, 1], [1, broken]])
      for density in [0.5, 1] {
        let error = #expect(throws: AveragingError.self) {
          _ = try merge(sources, SignElection(density: density))
        }
        #expect(error?.description.contains(samples.folder.file("m2")) == true)
      }
      // Without a weight it has no part in the result.
      let others = try SignElection(weights: [1, 0], density: 1)
      #expect(try merge(sources, others).result.value("w").floats() == [1, 1])
    }
  }

  /// 1 + ½·2 + ¼·4 = 3 at full length, so 2 half way; of the elected differences (3.5, -4) half.
  @Test func groupsScaleTheMergedDifference() throws {
    let half = GroupCoefficients { $0 == "w" ? 0.5 : nil }
    let (_, tasks) = try vectors([[1, 1], [3, 1], [5, 1]])
    let method = try TaskArithmetic(weights: [0.5, 0.25])
    #expect(try merge(tasks, method).result.value("w").floats() == [3, 1])
    #expect(try merge(tasks, method, groups: half).result.value("w").floats() == [2, 1])
    let none = GroupCoefficients { $0 == "w" ? 0 : nil }
    #expect(try merge(tasks, method, groups: none).result.value("w").floats() == [1, 1])
    #expect(
      try merge(tasks, method, groups: GroupCoefficients { _ in nil }).result.value("w").floats() == [3, 1])
    let (_, signs) = try vectors([[0, 0, 0, 0], [5, -4, 3, 1], [2, 2, -2, 2]])
    #expect(
      try merge(signs, SignElection(density: 0.5), groups: half).result.value("w").floats() == [
        1.75, -2, 0, 0,
      ])
    let (_, stock) = try vectors([[1, 1], [3, 1], [5, 1]])
    #expect(try merge(stock, ModelStock(), groups: half).result.value("w").floats() == [2.5, 1])
    expect(.parameterOutOfRange("coefficient of a group", value: .infinity, range: "finite numbers")) {
      _ = try merge(tasks, method, groups: GroupCoefficients { _ in .infinity })
    }
  }

  /// Digits of magnitudes are counted where a tensor is too large to be sorted; both find the same elements.
  @Test func largeTensorsAreTrimmedAlike() throws {
    var generator = SeededGenerator(seed: 9)
    // Few distinct values, so that there are many equal ones.
    let values = (0..<1_100_000).map { _ in (generator.normal() * 8).rounded() / 8 }
    let large = TensorSpec(name: "w", dtype: .f32, shape: [values.count])
    for kept in [1, 1000, 333_333, 1_099_999] {
      let trim = try MagnitudeTrim(keeping: kept, of: large) { Array(values[$0]) }
      let order = values.indices.sorted { (-abs(values[$0]), $0) < (-abs(values[$1]), $1) }
      let expected = Set(order.prefix(kept))
      #expect(values.indices.allSatisfy { trim.keeps(values[$0], at: $0) == expected.contains($0) })
    }
  }

  @Test func masksGoThroughEveryMethod() throws {
    let (_, sources) = try vectors([[-.infinity, 0], [-.infinity, 0], [-.infinity, 0]])
    let methods: [any AveragingMethod] = [
      ModelStock(), try SignElection(), try TaskArithmetic(weights: [0.5, 0.25]),
    ]
    for method in methods {
      #expect(try merge(sources, method).result.value("w").floats() == [-.infinity, 0])
    }
    #expect(
      try merge(Array(sources[..<2]), SphericalInterpolation()).result.value("w").floats() == [-.infinity, 0])
  }

  @Test func weightsAreThoseOfTheFineTunedModels() throws {
    let three = try Timeline(names: ["base", "a", "b"])
    expect(.countMismatch("weights", expected: 2, found: 3)) {
      _ = try TaskArithmetic(weights: [1, 1, 1]).combination(of: three)
    }
    expect(.countMismatch("weights", expected: 2, found: 1)) {
      _ = try SignElection(weights: [1]).combination(of: three)
    }
    expect(.parameterOutOfRange("density", value: 0, range: "a number above 0, up to 1")) {
      _ = try SignElection(density: 0)
    }
  }
}
