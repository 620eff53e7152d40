import Checkpoint
import Foundation
import TestSupport
import Testing

/// What the tools print and write as JSON is what the installed schemas say.
@Suite struct ReportSchemaTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let val = Fixtures.path("digits/val")

  /// `REPORT` is the file that the schema is about; without it standard output is.
  static let reports: [(schema: String, tool: String, arguments: [String])] = [
    (
      "ckpt-average", "ckpt-average",
      ["--series", Fixtures.path("run"), "--last", "3,5", "--report", "REPORT", "-o", "OUT-{last}"]
    ),
    (
      "ckpt-average", "ckpt-average",
      [
        "--series", Fixtures.path("run"), "--method", "median", "--steps", "names", "--digest", "sha256",
        "--report", "REPORT", "-o", "OUT",
      ]
    ),
    (
      "ckpt-bnfix", "ckpt-bnfix",
      [model, "--data", val, "--gate", val, "--report", "REPORT", "--dry-run"]
    ),
    (
      "ckpt-fixres", "ckpt-fixres",
      [model, "--data", val, "--epochs", "2", "--report", "REPORT", "-o", "OUT"]
    ),
    (
      "ckpt-fixres", "ckpt-fixres",
      [model, "--data", val, "--val", val, "--epochs", "2", "--report", "REPORT", "-o", "OUT"]
    ),
    ("ckpt-sweep", "ckpt-sweep", [model, "--data", val, "--crop", "48,56", "--format", "json"]),
    (
      "ckpt-sweep", "ckpt-sweep",
      [
        model, model, "--data", val, "--crop", "48,56", "--format", "json", "--timing", "--select", "half",
        "--preset", "timm",
      ]
    ),
    (
      "ckpt-sweep", "ckpt-sweep",
      [
        model, "--data", val, "--crop", "64,96", "--pooling", "average,test-time", "--views", "center,flip",
        "--resize-mode", "squash", "--bnfix", val, "--bnfix-images", "40", "--race", "--confirm", val,
        "--report", "REPORT", "-o", "OUT",
      ]
    ),
    ("ckpt-best", "ckpt-best", BestTests.small + ["--budget", "6000img", "--report", "REPORT"]),
    (
      "ckpt-best", "ckpt-best",
      BestTests.small + ["--test", BestTests.test, "--tune", "fc", "--tune-epochs", "1", "--format", "json"]
    ),
    ("ckpt-info", "ckpt-info", ["list", model, "--format", "json"]),
    ("ckpt-info", "ckpt-info", ["stats", model, model, "--format", "json"]),
    ("ckpt-info", "ckpt-info", ["verify", model, "--format", "json"]),
    ("ckpt-info", "ckpt-info", ["diff", model, model, "--format", "json"]),
    ("ckpt-info", "ckpt-info", ["summary", model, "--format", "json"]),
    ("ckpt-info", "ckpt-info", ["tree", model, "--format", "json"]),
  ]

  static func schema(_ name: String) throws -> JSONSchema {
    let path = Fixtures.root.deletingLastPathComponent().appendingPathComponent(
      "man/schema/\(name).schema.json")
    return JSONSchema(schema: try JSON.parse(Array(try Data(contentsOf: path))))
  }

  @Test(arguments: reports.indices) func reportMatchesItsSchema(_ index: Int) throws {
    let (name, tool, arguments) = Self.reports[index]
    let folder = try TemporaryFolder()
    let outcome = try Tool.run(
      tool,
      arguments.map {
        ["REPORT": folder.file("report.json")][$0] ?? $0.replacing("OUT", with: folder.file("out"))
      }
        + ["--quiet"])
    #expect(outcome.status == 0, "\(outcome.messages)")
    let text =
      arguments.contains("REPORT")
      ? try Data(contentsOf: URL(fileURLWithPath: folder.file("report.json"))) : outcome.output
    let violations = try Self.schema(name).violations(of: JSON.parse(Array(text)))
    #expect(violations == [])
  }

  @Test func schemasRefuse() throws {
    let good = #"{"schema":1,"data":"val","rows":[],"selection":{}}"#
    for (bad, expected) in [
      (good.replacing("1", with: "2"), "$.schema: is not 1"),
      (good.replacing("\"val\"", with: "3"), "$.data"),
      (good.replacing("\"data\"", with: "\"date\""), "has an unknown"),
    ] {
      let violations = try Self.schema("ckpt-sweep").violations(of: JSON.parse(Array(bad.utf8)))
      #expect(violations.contains { $0.contains(expected) }, "\(violations)")
    }
  }
}
