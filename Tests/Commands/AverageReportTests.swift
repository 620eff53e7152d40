import Checkpoint
import Foundation
import TestSupport
import Testing

/// `ckpt-average --report` and `--digest`.
@Suite struct AverageReportTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func run(_ arguments: String) throws -> Tool.Outcome {
    try Tool.shell("cd '\(folder.path)' && RUN='\(Fixtures.path("run"))'; ckpt-average \(arguments)")
  }

  @Test func weightsAndDrift() throws {
    let outcome = try run(#"--series "$RUN" --method ema --decay 0.5,0.9 -q -o 'o-{decay}' --report r.json"#)
    #expect(outcome.status == 0, "\(outcome.messages)")
    #expect(outcome.messages == "")
    let report = try JSON.parse([UInt8](Data(contentsOf: URL(fileURLWithPath: folder.file("r.json")))))
    #expect(report["schema"]?.intValue == 1)
    #expect(report["inputs"]?.arrayValue?.count == 10)
    #expect(report["inputs"]?.arrayValue?[0]["crc32"]?.stringValue?.count == 8)
    let averages = try #require(report["averages"]?.arrayValue)
    #expect(averages.map { $0["options"]?["decay"]?.doubleValue } == [0.5, 0.9])
    #expect(averages[0]["weights"]?.arrayValue?.last?.doubleValue == 0.5)
    let rows = try #require(report["rows"]?.arrayValue)
    let source = try openCheckpoint(.path(Fixtures.path("run/epoch-95.safetensors")))
    #expect(rows.count == source.tensors.filter { $0.dtype == .f32 }.count)
    let row = try #require(rows.first { $0["name"]?.stringValue == "fc.bias" })
    let next = try openCheckpoint(.path(Fixtures.path("run/epoch-96.safetensors")))
    let expected = zip(try source.value("fc.bias").doubles(), try next.value("fc.bias").doubles())
      .reduce(0.0) { $0 + ($1.1 - $1.0) * ($1.1 - $1.0) }.squareRoot()
    #expect(abs(try #require(row["drift"]?.arrayValue?[0].doubleValue) - expected) < 1e-12)
    #expect(report["model"]?["outliers"] == .array([]))
    let standardOutput = try run(#"--series "$RUN" --last 2 -q -o two --report -"#)
    #expect(try JSON.parse([UInt8](standardOutput.output))["averages"]?.arrayValue?.count == 1)
    #expect(try run(#"--series "$RUN" --last 2 -q -o two --report ./two"#).status == 64)
  }

  /// A checkpoint of another run among those of one.
  @Test func anOutlierIsWarnedOf() throws {
    let other = Fixtures.path("run-64/epoch-104.safetensors")
    let outcome = try run(
      #""$RUN"/epoch-9*.safetensors '\#(other)' --method weights --weights 1,1,1,1,1,0 -q -o o --report r.json"#
    )
    #expect(outcome.status == 0, "\(outcome.messages)")
    #expect(outcome.messages.contains("epoch-104.safetensors is far from the rest"), "\(outcome.messages)")
  }

  @Test func sha256IsThatOfTheFiles() throws {
    let sums = try Tool.shell(
      "cd '\(Fixtures.path("run"))' && sha256sum epoch-9[89].safetensors | cut -c1-64")
    #expect(try run(#""$RUN"/epoch-9[89].safetensors --digest sha256 -o file"#).status == 0)
    #expect(try run(#""$RUN"/epoch-9[89].safetensors --digest sha256 | cat > pipe"#).status == 0)
    let file = try Data(contentsOf: URL(fileURLWithPath: folder.file("file")))
    #expect(try file == Data(contentsOf: URL(fileURLWithPath: folder.file("pipe"))))
    let history = try #require(
      try openCheckpoint(.path(folder.file("file"))).metadata["ckpt.history"])
    let found = history.matches(of: #/"sha256":"(\w+)"/#).map { String($0.output.1) }
    #expect(found == sums.text.split(separator: "\n").map(String.init))
  }

  /// A mean goes on from PyTorch's AveragedModel of three models: (3 · 3 + 7) / 4.
  @Test func averagedModelIsContinued() throws {
    let averaged = Fixtures.path("goldens/Averaging/averaged-model.pt")
    let writer = try CheckpointWriter(
      to: .path(folder.file("next")), tensors: [TensorSpec(name: "weight", dtype: .f32, shape: [1, 2])],
      metadata: Metadata())
    try writer.write(TensorValue(f32: [7, 7], shape: [1, 2]))
    try writer.finish()
    func value(_ name: String) throws -> [Float] {
      try openCheckpoint(.path(folder.file(name))).value("weight").floats()
    }
    #expect(try run("'\(averaged)' next --order given -q -o out").status == 0)
    #expect(try value("out") == [4, 4])
    #expect(try run("'\(averaged)' next --order given --counts 1,1 -q -o plain").status == 0)
    #expect(try value("plain") == [5, 5])
    // With a state it counts as three models, too.
    #expect(try run("--state s '\(averaged)' -q -o first").status == 0)
    #expect(try run("--state s next -q -o second").status == 0)
    #expect(try value("second") == [4, 4])
    // Moving averages have a count of updates, which makes none of them heavier.
    #expect(try run("next '\(averaged)' --order given -o other").status == 0)
    #expect(try value("other") == [5, 5])
    #expect(try run("next '\(averaged)' --order given -o other").messages.contains("n_averaged"))
  }
}
