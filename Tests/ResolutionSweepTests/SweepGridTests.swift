import ImageData
import Testing

@testable import Evaluation
@testable import ResolutionSweep

@Suite struct SweepGridTests {
  private let base = Preprocessing.imageNet

  private func sizes(_ grid: SweepGrid) -> [[Int]] { grid.preprocessings.map { [$0.resize, $0.crop] } }

  @Test func resizesAndCropsAreCrossed() {
    let grid = SweepGrid(base: base, resizes: [224, 232], crops: [192, 224])
    #expect(sizes(grid) == [[224, 192], [232, 192], [224, 224], [232, 224]])
  }

  @Test func combinationsAreCountedWithoutBeingMade() {
    #expect(SweepGrid(base: base).combinationCount == 16)
    let all = Array(1...16384)
    #expect(SweepGrid(base: base, resizes: all, crops: all).combinationCount == 1 << 28)
    let two = SweepGrid(
      base: base, resizes: [224, 232], crops: [192, 224, 192], interpolations: [.box, .bicubic],
      modes: [.squash])
    #expect(two.combinationCount == 12)
    #expect(two.preprocessings.count == 8)
  }

  @Test func resizesAloneKeepTheCrop() {
    #expect(sizes(SweepGrid(base: base, resizes: [224, 240])) == [[224, 224], [240, 224]])
  }

  @Test func cropsAloneKeepTheRatio() {
    // 288 · 256 / 224 = 329.14, truncated.
    #expect(sizes(SweepGrid(base: base, crops: [224, 288])) == [[256, 224], [329, 288]])
  }

  @Test func ratiosDivideTheCrop() {
    // timm's floor(size / ratio): 224/0.965 = 232.1, 288/0.95 = 303.2, 299/0.875 = 341.7.
    #expect(sizes(SweepGrid(base: base, crops: [224], ratios: [0.965])) == [[232, 224]])
    #expect(sizes(SweepGrid(base: base, crops: [288], ratios: [0.95])) == [[303, 288]])
    #expect(sizes(SweepGrid(base: base, crops: [299], ratios: [0.875])) == [[341, 299]])
  }

  @Test func nothingGivenTriesTorchvisionsGridAndLargerSizes() {
    let all = sizes(SweepGrid(base: base))
    #expect(all.count == 15)
    #expect(all.prefix(5) == [[224, 224], [232, 224], [240, 224], [248, 224], [256, 224]])
    #expect(Set(all.map { $0[1] }) == [224, 256, 288])
    #expect(all.contains([256, 224]))
  }

  @Test func theCheckpointsOwnSizesAreAmongTheDefaults() {
    var own = base
    own.resize = 75
    own.crop = 48
    #expect(sizes(SweepGrid(base: own)).contains([75, 48]))
  }

  @Test func interpolationsMultiplyTheGrid() {
    let grid = SweepGrid(base: base, resizes: [256], crops: [224], interpolations: [.bilinear, .bicubic])
    #expect(grid.preprocessings.map(\.interpolation) == [.bilinear, .bicubic])
  }

  @Test func repeatedSizesAreMeasuredOnce() {
    #expect(sizes(SweepGrid(base: base, crops: [8, 8])).count == 1)
  }
}
