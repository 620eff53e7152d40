import Checkpoint
import ImageData
import Testing

@testable import ResolutionSweep

@Suite struct SweepReportTests {
  private let report = SampleReport.make(sizes: [(56, 48), (60, 48), (64, 48)])

  @Test func tableForPeople() {
    let lines = report.table().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(
      lines[0] == "   resize  crop  interpolation    n  top-1 %  top-5 %    loss  ECE %  M mult-adds")
    #expect(
      lines[1] == "*^     56    48  bilinear       200    75.00    95.00  0.2500  25.00         18.1  ▏")
    #expect(lines[2].hasPrefix("=^     60"))
    #expect(lines[3].hasPrefix(" ^     64") && lines[3].hasSuffix("  ████████████"))
    #expect(lines[5] == "* chosen; = cannot be told from the best; ^ nothing cheaper is as accurate")
    #expect(
      lines[6]
        == "resize 56, crop 48, bilinear: top-1 75.00 % on the 200 images that also chose it, too good by about 0.40 points"
    )
  }

  @Test func tabSeparatedValuesHaveOneNamePerColumn() {
    let rows = report.tsv().split(separator: "\n").map {
      $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
    #expect(
      rows[0] == [
        "resize", "crop", "interpolation", "n", "top1", "top5", "loss", "calibration_error", "multiply_adds",
        "indistinguishable", "pareto", "chosen",
      ])
    #expect(rows.count == 4)
    #expect(rows.allSatisfy { $0.count == rows[0].count })
    #expect(rows[1][0...6] == ["56", "48", "bilinear", "200", "0.75", "0.95", "0.25"])
    #expect(rows[1].suffix(3) == ["1", "1", "1"])
    #expect(rows[3].suffix(3) == ["0", "1", "0"])
  }

  @Test func jsonHasTheSchemasMembers() throws {
    let json = try JSON.parse(Array(report.json().utf8))
    #expect(json["schema"]?.intValue == 1)
    #expect(json["data"]?.stringValue == "digits/val")
    let row = try #require(json["rows"]?.arrayValue?.first)
    #expect(row["resize"]?.intValue == 56)
    #expect(row["crop"]?.intValue == 48)
    #expect(row["interpolation"]?.stringValue == "bilinear")
    #expect(row["n"]?.intValue == 200)
    #expect(row["top1"]?.doubleValue == 0.75)
    #expect(row["top5"]?.doubleValue == 0.95)
    #expect(row["loss"]?.doubleValue == 0.25)
    #expect(row["chosen"]?.boolValue == true)
    #expect(json["selection"]?["method"]?.stringValue == "none")
    #expect(json["selection"]?["optimism"]?.doubleValue == 0.004)
  }

  @Test func whatDiffersFromRunToRunIsPrintedOnRequestOnly() {
    #expect(!report.json().contains("images_per_second"))
    #expect(report.json(timing: true).contains("\"images_per_second\":100"))
    #expect(report.table(timing: true).contains("images/s"))
  }

  @Test func metricsNameTheDataAndTheSelection() throws {
    let metrics = try JSON.parse(Array(report.metricsEntry.utf8))
    #expect(metrics["data"]?.stringValue == "digits/val")
    #expect(metrics["n"]?.intValue == 200)
    #expect(metrics["top1"]?.doubleValue == 0.75)
    #expect(metrics["select"]?.stringValue == "none")
  }
}
