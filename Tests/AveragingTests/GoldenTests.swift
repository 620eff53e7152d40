import Checkpoint
import Platform
import TestSupport
import Testing

@testable import Averaging

/// The bundled training run against NumPy's float64, every bit.
@Suite struct GoldenTests {
  @Test(arguments: ["mean", "ema"]) func equalsNumPy(method: String) throws {
    let golden = try openCheckpoint(.path(Fixtures.path("goldens/Averaging/averaging.safetensors")))
    let paths = try Fixtures.series().sorted(by: NaturalOrder.precedes)
    let averaging: any AveragingMethod = try method == "mean" ? Mean() : ExponentialMovingAverage()
    let combination = try averaging.combination(of: Timeline(names: paths))
    let series = try Series(paths.map { try openCheckpoint(.path($0)) })
    let plan = try AveragingPlan(series, combination, options: .init(buffers: .average))
    let folder = try TemporaryFolder()
    let writer = try CheckpointWriter(
      to: .path(folder.file("out")), tensors: plan.entries.map(\.output), metadata: Metadata())
    try AveragingPass([plan]).run(into: [writer], pool: ThreadPool(threads: 2))
    try writer.finish()
    let result = try openCheckpoint(.path(folder.file("out")))

    let expected = golden.tensors.filter { $0.name.string.hasPrefix(method + "/") }
    #expect(expected.count > 8)
    for tensor in expected {
      let name = TensorName(String(tensor.name.string.dropFirst(method.count + 1)))
      #expect(try result.value(name) == golden.value(tensor.name), "\(name)")
    }
  }
}
