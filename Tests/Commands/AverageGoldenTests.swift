import Checkpoint
import TestSupport
import Testing

/// NumPy's float64 averages of the training run, rounded once: every byte.
@Suite struct AverageGoldenTests {
  @Test(arguments: [("mean", ["--method", "mean"]), ("ema", ["--method", "ema", "--decay", "0.9"])])
  func equalsNumPy(_ prefix: String, _ options: [String]) throws {
    let folder = try TemporaryFolder()
    let golden = try Golden("Averaging/averaging")
    // Reversed: the order of the arguments must not matter.
    let run = try Tool.run(
      "ckpt-average",
      options + ["--buffers", "average", "-o", folder.file("out")] + Fixtures.series().sorted().reversed())
    #expect(run.status == 0, "\(run.messages)")
    let result = try openCheckpoint(.path(folder.file("out")))
    let names = golden.source.tensors.map(\.name.string).filter { $0.hasPrefix("\(prefix)/") }
    #expect(names.count >= 8)
    for name in names {
      let value = try result.value(TensorName(String(name.dropFirst(prefix.count + 1))))
      #expect(try value.bytes == golden.bytes(name), "\(name)")
    }
  }
}
