import Testing

@testable import ImageData

@Suite struct ResizeTests {
  /// A thousand sizes, all filters: thin, tiny, up, down, one axis unchanged.
  @Test(arguments: ResizeVariant.available) func everyByteEqualsPillow(_ variant: ResizeVariant) throws {
    let rows = try ImageGolden.rows("resize.tsv")
    #expect(rows.count == 1000)
    for row in rows {
      let n = row[0...4].map { Int($0)! }
      let image = ImageGolden.noise(width: n[1], height: n[2], seed: n[0])
      let filter = try #require(Interpolation(rawValue: row[5]))
      var pixels = [UInt8](repeating: 0, count: n[3] * n[4] * 3)
      image.resize(
        width: n[3], height: n[4], interpolation: filter,
        window: PixelWindow(x: 0, y: 0, width: n[3], height: n[4]), at: 0, of: &pixels, stride: n[3] * 3,
        variant: variant)
      #expect(ImageGolden.hash(pixels) == row[6], "\(row)")
    }
  }

  @Test(arguments: Interpolation.allCases) func windowIsPartOfTheWhole(_ filter: Interpolation) {
    let image = ImageGolden.noise(width: 23, height: 71, seed: 4)
    for (width, height) in [(9, 5), (40, 90), (23, 30), (12, 71), (23, 71)] {
      let whole = image.resized(width: width, height: height, interpolation: filter)
      let window = PixelWindow(x: width / 3, y: height / 4, width: width / 2, height: height / 2)
      var part = [UInt8](repeating: 0, count: window.width * window.height * 3)
      image.resize(
        width: width, height: height, interpolation: filter, window: window, at: 0, of: &part,
        stride: window.width * 3)
      for y in 0..<window.height {
        let from = ((window.y + y) * width + window.x) * 3
        #expect(
          part[(y * window.width * 3)..<((y + 1) * window.width * 3)]
            == whole.pixels[from..<(from + window.width * 3)])
      }
    }
  }
}
