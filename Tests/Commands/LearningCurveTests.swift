import Foundation
import Testing

@testable import Charts
@testable import FineTuning
@testable import ckpt_fixres

#if canImport(FoundationXML)
  import FoundationXML
#endif

@Suite struct LearningCurveTests {
  static func record(_ epoch: Int, loss: Double, validates: Bool) -> EpochRecord {
    var metrics = Metrics()
    metrics.add(LossBatch(logits: [1, 0, 0, 1], classes: 2, labels: [0, epoch % 2]), loss: loss)
    return EpochRecord(
      epoch: epoch, learningRate: 1, train: metrics, validation: validates ? metrics : nil)
  }

  /// Elements by name, after a real parse.
  static func elements(_ svg: String) throws -> [String: Int] {
    final class Counter: NSObject, XMLParserDelegate {
      var names: [String: Int] = [:]
      func parser(
        _ parser: XMLParser, didStartElement name: String, namespaceURI: String?,
        qualifiedName: String?, attributes: [String: String]
      ) { names[name, default: 0] += 1 }
    }
    let counter = Counter()
    let parser = XMLParser(data: Data(svg.utf8))
    parser.delegate = counter
    try #require(parser.parse(), "not well-formed")
    return counter.names
  }

  @Test func drawsOneLinePerSeriesAndPlot() throws {
    let records = (1...5).map { Self.record($0, loss: 1 / Double($0), validates: true) }
    let svg = LearningCurve(title: "a < b & c", records: records).svg
    // A line and its sample in the legend, for training and validation in both plots.
    #expect(try Self.elements(svg)["polyline"] == 8)
    #expect(svg.contains("a &lt; b &amp; c"))
    let marked = LearningCurve(title: "t", records: records, kept: 3).svg
    #expect(try Self.elements(marked)["circle"] == 4)
    let plain = LearningCurve(
      title: "t", records: (1...5).map { Self.record($0, loss: 1, validates: false) })
    #expect(try Self.elements(plain.svg)["polyline"] == 4)
  }

  /// The vertical axis has the validation of the start at 0, where it is marked if it is the result.
  @Test func beginsWithTheValidationOfTheStart() throws {
    let records = (1...5).map { Self.record($0, loss: 1 / Double($0), validates: true) }
    let start = try #require(Self.record(2, loss: 3, validates: true).validation)
    func points(_ svg: String, _ style: String) -> [Int] {
      svg.matches(of: #/class="line ([a-z0-9 ]+)" points="([^"]+)"/#).filter { $0.output.1 == style }
        .map { $0.output.2.split(separator: " ").count }
    }
    let svg = LearningCurve(title: "t", records: records, start: start, kept: 0).svg
    // Curve and legend of both plots.
    #expect(points(svg, "s0") == [5, 2, 5, 2])
    #expect(points(svg, "s1 dashed") == [6, 2, 6, 2])
    // Training has no such point.
    #expect(try Self.elements(svg)["circle"] == 2)
    #expect(try Self.elements(LearningCurve(title: "t", records: records, start: start).svg)["circle"] == nil)
  }

  @Test func oneEpochIsAPoint() throws {
    let svg = LearningCurve(title: "t", records: [Self.record(1, loss: 0.5, validates: false)]).svg
    #expect(try Self.elements(svg)["circle"] == 2)
    #expect(!svg.contains("nan") && !svg.contains("inf"))
  }

  @Test func aConstantCurveHasTicksAroundIt() {
    let scale = PlotScale(3...3, from: 100, to: 0, tickCount: 5, isRounded: true)
    #expect(scale.ticks.first! <= 3 && scale.ticks.last! >= 3 && scale.ticks.count >= 2)
  }
}
