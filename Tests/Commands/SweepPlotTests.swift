import Foundation
import ImageData
import Statistics
import Testing

@testable import Charts
@testable import Evaluation
@testable import ResolutionSweep
@testable import ckpt_sweep

@Suite struct SweepPlotTests {
  private func svg(_ report: SweepReport, trainSizes: [Int?] = []) -> String {
    SweepPlot(report, trainSizes: trainSizes).svg
  }

  private func count(_ text: String, in svg: String) -> Int { svg.components(separatedBy: text).count - 1 }

  /// The beginning of a line over the sizes; the front has another class.
  private let line = "<polyline class=\"line s"

  /// The rows of several reports as one.
  private func joined(_ reports: [SweepReport]) -> SweepReport {
    var all = reports[0]
    all.rows = reports.flatMap(\.rows)
    return all
  }

  private func attributes(_ pattern: String, in svg: String) throws -> [String] {
    try svg.matches(of: Regex(pattern)).map { String($0.output[1].substring!) }
  }

  @Test func oneLinePerCropOverResizes() {
    let report = SampleReport.make(sizes: [(56, 48), (60, 48), (64, 48), (64, 56), (68, 56)])
    let svg = svg(report)
    #expect(count(line, in: svg) == 2)
    #expect(count("class=\"dot", in: svg) == 5)
    #expect(svg.contains(">crop 48<") && svg.contains(">crop 56<"))
    #expect(svg.contains("shorter side after resizing"))
  }

  @Test func oneLineOverCropsWhenEachHasOneResize() {
    let report = SampleReport.make(sizes: [(56, 48), (64, 56), (73, 64)])
    let svg = svg(report, trainSizes: [48])
    #expect(count(line, in: svg) == 1)
    #expect(svg.contains(">crop, pixels<"))
    #expect(svg.contains(">trained at 48<"))
    #expect(svg.contains(">chosen: bilinear, resize 56, crop 48, 75.0 %<"))
  }

  @Test func everythingLiesInsideThePicture() throws {
    let report = SampleReport.make(sizes: [(224, 224), (232, 224), (256, 224)])
    let pattern = try Regex(#"(?:x1|x2|cx)="(-?[0-9.]+)""#)
    let plot = SweepPlot(report)
    for match in plot.svg.matches(of: pattern) {
      let value = try #require(Double(String(match.output[1].substring!)))
      #expect((0...plot.width).contains(value))
    }
  }

  @Test func manyNamesStandApartAboveTheAxis() throws {
    let report = SampleReport.make(sizes: (0..<40).flatMap { [(64 + $0, 32 + $0), (72 + $0, 32 + $0)] })
    let plot = SweepPlot(report)
    let pattern = try Regex(#"class="name [^"]*" x="[0-9.]+" y="([0-9.]+)""#)
    let heights = plot.svg.matches(of: pattern).compactMap { Double(String($0.output[1].substring!)) }
      .sorted()
    #expect(heights.count == 40)
    #expect(zip(heights, heights.dropFirst()).allSatisfy { $1 - $0 > 14.8 })
    #expect(heights.last! <= plot.sizeHeight - 56 && heights.first! > 0)
  }

  @Test func theTrainingSizeIsNamedWhereTheAxisHasNoPlaceForIt() {
    let report = SampleReport.make(sizes: [(56, 48), (60, 48)])
    #expect(svg(report, trainSizes: [48]).contains(" images; trained at 48<"))
  }

  @Test func oneSettingIsDrawnToo() {
    let svg = svg(SampleReport.make(sizes: [(256, 224)]))
    #expect(count("class=\"dot", in: svg) == 1)
    #expect(!["=\"nan", "=\"inf", "=\"-", ",nan"].contains { svg.contains($0) })
  }

  @Test func namesCannotBreakTheMarkup() throws {
    var report = SampleReport.make(sizes: [(56, 48)])
    report.dataset = "<script>\"&\u{1}"
    let svg = svg(report)
    #expect(!svg.contains("<script>"))
    let parser = XMLCheck()
    #expect(parser.isWellFormed(svg))
  }

  @Test func colorsAreModelsDashesFiltersAndMarkersCrops() throws {
    let sizes = [
      (resize: 56, crop: 48), (resize: 64, crop: 48), (resize: 64, crop: 56), (resize: 72, crop: 56),
    ]
    let report = joined(
      ["a", "b"].flatMap { model in
        [Interpolation.bilinear, .bicubic].map {
          SampleReport.make(sizes: sizes, interpolation: $0, checkpoint: model)
        }
      })
    let svg = svg(report)
    #expect(
      try attributes(#"<polyline class="line (s[^"]*)""#, in: svg) == [
        "s0", "s0", "s0 dashed", "s0 dashed", "s1", "s1", "s1 dashed", "s1 dashed",
      ])
    // Circles are those of the smaller crop, squares of the larger.
    #expect(count("<circle class=\"dot", in: svg) == 8 && count("<path class=\"dot", in: svg) == 8)
    #expect(svg.contains(">a, bilinear, crop 48<") && svg.contains(">b, bicubic, crop 56<"))
    #expect(svg.contains(">chosen: a, bilinear, resize 56, crop 48, 75.0 %<"))
  }

  @Test func equalCurvesStandApart() throws {
    let sizes = [(resize: 56, crop: 48), (resize: 64, crop: 56), (resize: 72, crop: 64)]
    let report = joined(
      ["a", "b", "c"].map { SampleReport.make(sizes: sizes, checkpoint: $0) })
    let bars = try attributes(#"<line class="bar [^"]*" x1="([0-9.]+)""#, in: svg(report)).map {
      try #require(Double($0))
    }
    #expect(bars.count == 9)
    for size in 0..<3 {
      let places = [bars[size], bars[3 + size], bars[6 + size]]
      #expect(places[1] - places[0] >= 3 && places[2] - places[1] >= 3)
      #expect(places[2] - places[0] <= 24.2)
    }
    // Lines that meet nowhere stay where they are.
    let apart = SampleReport.make(sizes: [(56, 48), (60, 48), (64, 56), (68, 56)])
    let alone = SampleReport.make(sizes: [(56, 48), (60, 48), (64, 48), (68, 48)])
    let pattern = #"<line class="bar [^"]*" x1="([0-9.]+)""#
    #expect(try attributes(pattern, in: svg(apart)) == attributes(pattern, in: svg(alone)))
  }

  @Test func theCostHasAPanelWithTheFront() throws {
    var report = SampleReport.make(sizes: [(56, 48), (64, 56), (73, 64)])
    report.rows[1].isParetoOptimal = false
    let plot = SweepPlot(report)
    #expect(plot.height == plot.sizeHeight + 300)
    #expect(plot.svg.contains(">million multiply-adds per image<"))
    // Level, up and level to the end.
    let front = try attributes(#"<polyline class="line front" points="([^"]*)""#, in: plot.svg)
    #expect(front.map { $0.split(separator: " ").count } == [4])
    #expect(
      count("class=\"point full", in: plot.svg) == 2 && count("class=\"point hollow", in: plot.svg) == 1)
    report.cost = .milliseconds
    for index in report.rows.indices {
      report.rows[index].latency = Latency(median: Double(3 - index), percentile95: 9)
    }
    #expect(svg(report).contains(">median latency of one image, ms<"))
    for index in report.rows.indices { report.rows[index].latency = Latency(median: 2, percentile95: 9) }
    #expect(SweepPlot(report).height == SweepPlot(report).sizeHeight)
  }

  @Test func longNamesAreShortenedAlike() {
    let name = String(repeating: "x", count: 60) + "-end"
    var report = joined([
      SampleReport.make(sizes: [(56, 48), (64, 56)], checkpoint: name),
      SampleReport.make(sizes: [(56, 48), (64, 56)], checkpoint: "b"),
    ])
    let short = "…" + String(repeating: "x", count: 27) + "-end"
    #expect(displayName(name) == short)
    #expect(count(short, in: svg(report)) == 2)
    #expect(report.table().contains(short) && !report.table().contains(name))
    #expect(report.markdown().contains(short))
    report.verdict.chosen = 2
    // Formats that programs read keep the full names.
    #expect(report.tsv().contains(name) && report.json().contains(name))
    #expect(displayName("a\u{202e}b") != "a\u{202e}b")
  }

  @Test func ticksAreRound() {
    #expect(PlotScale.niceStep(atLeast: 0.3) == 0.5)
    #expect(PlotScale.niceStep(atLeast: 2) == 2)
    let scale = PlotScale(81.3...88.9, from: 100, to: 0, tickCount: 5, isRounded: true)
    #expect(scale.ticks == [80, 82, 84, 86, 88, 90])
    #expect(scale(80) == 100 && scale(90) == 0)
  }
}

/// Enough of XML to notice an unescaped character: tags balance, text has no bare markup.
private struct XMLCheck {
  func isWellFormed(_ text: String) -> Bool {
    var open: [Substring] = []
    for part in text.split(separator: "<").dropFirst(0) {
      guard let end = part.firstIndex(of: ">") else { return false }
      let tag = part[..<end]
      if tag.hasSuffix("/") { continue }
      if tag.hasPrefix("/") {
        guard open.popLast() == tag.dropFirst() else { return false }
      } else {
        open.append(tag.prefix { $0 != " " })
      }
    }
    return open.isEmpty && !text.unicodeScalars.contains { $0.value < 0x20 && $0 != "\n" && $0 != "\t" }
  }
}
