import Foundation
import ImageData
import Testing

@testable import Charts
@testable import ckpt_sweep

/// Plots as files: the suffix decides, and PNG is what librsvg makes of the SVG.
@Suite struct PictureTests {
  private let picture = Picture(
    svg: SVG.document(
      width: 200, height: 100, title: "t",
      body: [SVG.marker(.square, 50, 50, 40, "dot full s0"), SVG.circle(150, 50, 30, "dot full s1")]),
    width: 200, height: 100)

  @Test(arguments: ["a.svg", "-", "plot", "/dev/stdout", "folder.d/plot"])
  func otherPathsAreSVG(path: String) throws {
    #expect(try PictureEncoder(path: path).encode(picture) == Array(picture.svg.utf8))
  }

  @Test(arguments: ["a.pdf", "a.png.gz", "x/a.jpg"]) func unknownSuffixesAreUsage(path: String) {
    #expect(throws: PictureError.unknownSuffix(path: path)) { try PictureEncoder(path: path) }
    #expect(PictureError.unknownSuffix(path: path).kind == .usage)
  }

  /// Where the library is missing, that is said before any work.
  @Test func pngIsDrawnAtTwiceTheSize() throws {
    guard let encoder = try? PictureEncoder(path: "a.png") else {
      #expect(throws: PictureError.noRenderer(path: "a.png")) { try PictureEncoder(path: "a.png") }
      #expect(PictureError.noRenderer(path: "a.png").description.contains("librsvg2-2"))
      return
    }
    let bytes = try encoder.encode(picture)
    #expect(bytes.prefix(8) == [0x89, 0x50, 0x4E, 0x47, 0x0D, 0x0A, 0x1A, 0x0A])
    let image = try RGBImage(decoding: bytes, item: "a.png")
    #expect(image.width == 400 && image.height == 200)
    func pixel(_ x: Int, _ y: Int) -> [UInt8] {
      let start = 3 * (y * 400 + x)
      return Array(image.pixels[start..<start + 3])
    }
    // Paper between the shapes, and the first two colors of the light palette.
    #expect(pixel(4, 4) == [255, 255, 255])
    #expect(pixel(100, 100) == [0x00, 0x72, 0xB2])
    #expect(pixel(300, 100) == [0xC4, 0x4E, 0x00])
  }

  @Test func whatIsTooLargeToDrawIsRefused() throws {
    guard let encoder = try? PictureEncoder(path: "a.png") else { return }
    #expect(throws: PictureError.failed(path: "a.png")) {
      try encoder.encode(Picture(svg: picture.svg, width: 1e6, height: 100))
    }
    #expect(throws: PictureError.failed(path: "a.png")) {
      try encoder.encode(Picture(svg: "no picture", width: 10, height: 10))
    }
  }
}
