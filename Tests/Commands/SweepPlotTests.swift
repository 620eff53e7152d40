import Foundation
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

  @Test func oneLinePerCropOverResizes() {
    let report = SampleReport.make(sizes: [(56, 48), (60, 48), (64, 48), (64, 56), (68, 56)])
    let svg = svg(report)
    #expect(count("<polyline", in: svg) == 2)
    #expect(count("class=\"dot", in: svg) == 5)
    #expect(svg.contains(">crop 48<") && svg.contains(">crop 56<"))
    #expect(svg.contains("shorter side after resizing"))
  }

  @Test func oneLineOverCropsWhenEachHasOneResize() {
    let report = SampleReport.make(sizes: [(56, 48), (64, 56), (73, 64)])
    let svg = svg(report, trainSizes: [48])
    #expect(count("<polyline", in: svg) == 1)
    #expect(svg.contains(">crop, pixels<"))
    #expect(svg.contains(">trained at 48<"))
    #expect(svg.contains(">chosen: resize 56, crop 48, 75.0 %<"))
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
    #expect(heights.last! <= plot.height - 56 && heights.first! > 0)
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
