import Testing

@testable import ImageData

/// Letterboxes, rectangles and orders of channels.
struct LetterboxTests {
  private func preprocessing(_ height: Int, _ width: Int) -> Preprocessing {
    var preprocessing = Preprocessing(
      resize: max(height, width), crop: 1, interpolation: .nearest, mean: [0, 0, 0], std: [1, 1, 1])
    preprocessing.cropSize = CropSize(height: height, width: width)
    preprocessing.mode = .letterbox
    return preprocessing
  }

  /// Sizes of Ultralytics' `LetterBox`: round(side * min(h / height, w / width)), halves to the even neighbor.
  @Test func fitsTheImageIntoTheCrop() {
    func size(_ width: Int, _ height: Int, _ crop: CropSize) -> (width: Int, height: Int) {
      ResizeMode.letterbox.size(width: width, height: height, resize: 1, crop: crop)
    }
    let square = CropSize(height: 640, width: 640)
    #expect(size(1280, 720, square) == (640, 360))
    #expect(size(500, 375, square) == (640, 480))
    #expect(size(375, 500, square) == (480, 640))
    #expect(size(1000, 3, square) == (640, 2))
    #expect(size(1280, 720, CropSize(height: 384, width: 640)) == (640, 360))
    #expect(size(100_000, 1, square) == (640, 1))
  }

  @Test func putsTheOddPixelAtTheEnd() {
    // 4 x 1 pixels in 4 x 4: one row above and two below, as round(1.5 - 0.1) and round(1.5 + 0.1).
    let image = RGBImage(width: 4, height: 1, pixels: [UInt8](repeating: 9, count: 12))
    let rows = preprocessing(4, 4).crop(of: image).pixels
    #expect((0..<4).map { rows[$0 * 12] } == [114, 9, 114, 114])
  }

  @Test func fillsWithThePaddingAskedFor() {
    var own = preprocessing(2, 4)
    own.padding = 0
    let image = RGBImage(width: 1, height: 1, pixels: [5, 6, 7])
    let cropped = own.crop(of: image)
    #expect(cropped.width == 4 && cropped.height == 2)
    #expect(Array(cropped.pixels[..<12]) == [0, 0, 0, 5, 6, 7, 5, 6, 7, 0, 0, 0])
  }

  @Test func swapsRedAndBlueBeforeNormalization() {
    var own = Preprocessing(resize: 1, crop: 1, mean: [0.25, 0, 0], std: [1, 1, 2])
    own.channelOrder = .bgr
    var values = [Float](repeating: 0, count: 3)
    values.withUnsafeMutableBufferPointer {
      own.apply(RGBImage(width: 1, height: 1, pixels: [255, 0, 51]), into: $0.baseAddress!)
    }
    #expect(values[0] == Float(51) / 255 - 0.25 && values[1] == 0 && values[2] == 0.5)
  }

  @Test func recordsAndReadsEverySetting() throws {
    var own = preprocessing(480, 640)
    own.padding = 7
    own.channelOrder = .bgr
    let entries = own.metadataEntries
    #expect(entries["ckpt.crop"] == "480x640" && entries["ckpt.pad"] == "7")
    let read = try #require(try Preprocessing(metadata: { entries[$0] }, source: "test"))
    #expect(read == own)
  }

  @Test(arguments: ["0", "12x", "x12", "1x2x3", "+5", "05", "480X640", "-1x4"])
  func refusesCropsThatAreNone(text: String) { #expect(CropSize(text) == nil) }
}
