import Checkpoint
import Testing

@testable import Evaluation
@testable import ResolutionSweep
@testable import Statistics
@testable import ckpt_sweep

@Suite struct SweepReportTests {
  private let report = SampleReport.make(sizes: [(56, 48), (60, 48), (64, 48)])

  @Test func tableForPeople() {
    let lines = report.table().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(
      lines[0] == "   resize  crop    n  top-1 %  top-5 %    loss  ECE %  M mult-adds")
    #expect(
      lines[1] == "*^     56    48  200    75.00    95.00  0.2500  25.00         18.1  ▏")
    #expect(lines[2].hasPrefix("=^     60"))
    #expect(lines[3].hasPrefix(" ^     64") && lines[3].hasSuffix("  ████████████"))
    #expect(lines[5] == "* chosen; = indistinguishable from the best; ^ no cheaper setting is as accurate")
    #expect(
      lines[6]
        == "resize 56, crop 48, bilinear: top-1 75.00 % on the 200 images that also chose it, too good by about 0.40 points"
    )
  }

  @Test func narrowTerminalsDoWithoutSomeColumns() {
    let lines = report.table(width: 60).split(separator: "\n")
    #expect(lines[0] == "   resize  crop    n  top-1 %  top-5 %    loss  M mult-adds")
    #expect(lines.contains("omitted on this narrow terminal: ECE %"))
    #expect(report.table(width: 20).contains(": ECE %, loss, top-5 %"))
    #expect(!report.table().contains("left out"))
  }

  @Test(arguments: [60, 70, 72, 80, 200]) func barsGiveWayToNarrowTerminals(width: Int) {
    let rows = report.table(width: width).split(separator: "\n").prefix(4)
    let plain = 66
    #expect(rows.allSatisfy { $0.count <= max(width, plain) })
    #expect(rows[2].contains("█") == (width >= plain + 2 + 3))
  }

  @Test func settingsThatARaceDroppedHaveNoBar() throws {
    var raced = report
    raced.rows[1].top1 = Proportion(successes: 20, count: 20)
    raced.rows[1].isIndistinguishable = false
    (raced.verdict.optimism, raced.verdict.top1Optimism) = (nil, nil)
    let lines = raced.table().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[2].hasPrefix("x^     60") && !lines[2].contains("█"))
    #expect(lines[5].hasSuffix("; x dropped by the race after n images"))
    #expect(lines[6].contains("too good by an unknown amount"))
    #expect(try JSON.parse(Array(raced.json().utf8))["selection"]?["optimism"] == .null)
  }

  @Test func theBiasIsThatOfTheScoresShown() {
    var other = report
    (other.verdict.metric, other.verdict.optimism, other.verdict.top1Optimism) = (.loss, 0.0123, 0.0015)
    #expect(
      other.summaryLines[0].hasSuffix(
        "top-1 75.00 %, loss 0.2500 on the 200 images that also chose it, too good by about 0.15 points and about 0.0123 nats"
      ))
    (other.verdict.metric, other.verdict.optimism) = (.top5, 0)
    #expect(
      other.summaryLines[0].hasSuffix(
        "too good by about 0.15 points in top-1, less than 0.01 points in top-5"))
  }

  @Test func whatVariesHasAColumn() {
    var other = report
    other.rows[2].setting.preprocessing.interpolation = .bicubic
    other.rows[1].setting.pooling = .testTime(window: 7)
    other.rows[1].setting.batchNorm = .recalibrated
    let heading = other.table().prefix { $0 != "\n" }
    #expect(heading.contains("interpolation  pooling      BatchNorm"))
    #expect(other.tsv().hasPrefix("resize\tcrop\tinterpolation\tpooling\tbatchnorm\tn\t"))
    #expect(other.tsv().contains("\ttest-time:7\trecalibrated\t"))
    other.verdict.chosen = 1
    #expect(other.summaryLines[0].contains("bilinear, pooling test-time:7, recalibrated BatchNorm: top-1"))
    #expect(other.metricsEntry.contains(#""pooling":"test-time:7""#))
  }

  @Test func aReportTellsOfTheRunToo() throws {
    let json = report.json(run: [("tool", .string("ckpt-sweep"))])
    #expect(json["schema"]?.intValue == 1)
    #expect(json["tool"]?.stringValue == "ckpt-sweep")
    #expect(json["rows"]?.arrayValue?.first?["images_per_second"]?.doubleValue == 100)
    #expect(json["selection"]?["row"]?.intValue == 0)
  }

  @Test func tabSeparatedValuesHaveOneNamePerColumn() {
    let rows = report.tsv().split(separator: "\n").map {
      $0.split(separator: "\t", omittingEmptySubsequences: false).map(String.init)
    }
    #expect(
      rows[0] == [
        "resize", "crop", "interpolation", "n", "top1", "top5", "loss", "calibration_error", "multiply_adds",
        "indistinguishable", "pareto", "chosen", "balanced_accuracy", "macro_f1", "brier",
        "adaptive_calibration_error",
      ])
    #expect(rows.count == 4)
    #expect(rows.allSatisfy { $0.count == rows[0].count })
    #expect(rows[1][0...6] == ["56", "48", "bilinear", "200", "0.75", "0.95", "0.25"])
    #expect(rows[1][9...11] == ["1", "1", "1"])
    #expect(rows[3][9...11] == ["0", "1", "0"])
  }

  @Test func commaSeparatedValuesQuoteWhatNeedsIt() {
    var other = report
    for index in other.rows.indices { other.rows[index].checkpoint = "a,\"b\".pth" }
    let lines = other.csv().split(separator: "\r\n", omittingEmptySubsequences: false)
    #expect(lines.count == 5 && lines[4].isEmpty)
    #expect(lines[0].hasPrefix("checkpoint,resize,crop,interpolation,n,top1,"))
    // Quotes of a name are escaped as in every output, and doubled as in every field.
    #expect(lines[1].hasPrefix("\"a,\\\"\"b\\\"\".pth\",56,48,bilinear,200,0.75,"))
  }

  @Test func markdownIsOneTable() {
    var other = report
    for index in other.rows.indices { other.rows[index].checkpoint = "a|b_c" }
    let lines = other.markdown().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(
      lines[0]
        == "| checkpoint | resize | crop | interpolation | n | top-1 % | top-5 % | loss | ECE % | M mult-adds |"
    )
    #expect(lines[1] == "| :-- | --: | --: | :-- | --: | --: | --: | --: | --: | --: |")
    #expect(
      lines[2]
        == "| **a\\|b\\_c** | **56** | **48** | **bilinear** | **200** | **75.00** | **95.00** | **0.2500** | **25.00** | **18.1** |"
    )
    #expect(lines[3].hasPrefix("| a\\|b\\_c | 60 | 48 | bilinear | 200 | 77.50 |"))
  }

  @Test func latexIsOneTabular() {
    var other = report
    for index in other.rows.indices { other.rows[index].checkpoint = "50%_a&b" }
    let lines = other.latex().split(separator: "\n", omittingEmptySubsequences: false)
    #expect(lines[0].hasPrefix("% 50%_a&b, resize 56") || lines[0].hasPrefix("% resize 56"))
    #expect(lines[1] == "\\begin{tabular}{lrrlrrrrrr}")
    #expect(
      lines[3]
        == "  checkpoint & resize & crop & interpolation & n & top-1 \\% & top-5 \\% & loss & ECE \\% & M mult-adds \\\\"
    )
    #expect(lines[5].hasPrefix("  \\textbf{50\\%\\_a\\&b} & \\textbf{56} & "))
    #expect(lines[6].hasPrefix("  50\\%\\_a\\&b & 60 & 48 & bilinear & 200 & 77.50 & "))
    #expect(lines[9] == "\\end{tabular}")
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
    #expect(row["chosen"] == .bool(true))
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
    #expect(metrics["data"]?.stringValue == "val")
    #expect(metrics["n"]?.intValue == 200)
    #expect(metrics["top1"]?.doubleValue == 0.75)
    #expect(metrics["select"]?.stringValue == "none")
  }
}
