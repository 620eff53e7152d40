import Foundation
import TestSupport
import Testing

@testable import ImageData

/// Images of other channels and depths than 8 bits of red, green and blue.
struct BandImageTests {
  /// A `.npy` file of version 1.
  private func array(_ type: String, _ shape: [Int], _ data: [UInt8]) -> Data {
    let extents = shape.map(String.init).joined(separator: ", ") + (shape.count == 1 ? "," : "")
    var header = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(extents)), }"
    header += String(repeating: " ", count: 63 - (10 + header.utf8.count) % 64) + "\n"
    let length = UInt16(header.utf8.count)
    return Data([0x93] + Array("NUMPY".utf8) + [1, 0, UInt8(length & 0xff), UInt8(length >> 8)])
      + Data(header.utf8) + Data(data)
  }

  private func folder(_ files: [String: Data]) throws -> TemporaryFolder {
    let folder = try TemporaryFolder()
    for (name, data) in files { try data.write(to: URL(fileURLWithPath: folder.file(name))) }
    return folder
  }

  @Test func readsArraysOfBandsInBothOrders() throws {
    let folder = try folder([
      "a.npy": array("|u1", [1, 2, 4], [0, 51, 102, 255, 1, 2, 3, 4]),
      "b.npy": array("<u2", [4, 1, 2], [0xff, 0xff, 0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0]),
    ])
    let data = try openDataset(folder.path)
    #expect(data.count == 2 && data.hasBands)
    let first = try data.bands(0, channels: 4)
    #expect(first.width == 2 && first.height == 1)
    #expect(Array(first.values[..<4]) == [0, 0.2, 0.4, 1])
    let second = try data.bands(1, channels: 4)
    #expect(second.values[0] == 1 && second.values[1] == Float(1) / 65535 && second.values[4] == 0)
  }

  @Test func keepsRealNumbersAsTheyAre() throws {
    let values: [Float] = [-3.5, 1000]
    let folder = try folder(["a.npy": array("<f4", [1, 2], values.withUnsafeBytes { Array($0) })])
    #expect(try openDataset(folder.path).bands(0, channels: 1).values == values)
  }

  @Test func refusesOtherChannelsAndAmbiguousOnes() throws {
    let folder = try folder([
      "a.npy": array("|u1", [2, 3, 2], [UInt8](repeating: 0, count: 12)),
      "b.npy": array("<f8", [1, 1], [UInt8](repeating: 0, count: 8)),
      "c.npy": array("|u1", [2, 2], [1]),
    ])
    let data = try openDataset(folder.path)
    #expect(throws: ImageDataError.channelMismatch(item: data.itemName(0), expected: 5, found: 2)) {
      try data.bands(0, channels: 5)
    }
    #expect(
      "\(try #require(throws: ImageDataError.self) { try data.bands(0, channels: 2) })".contains("both"))
    #expect("\(try #require(throws: ImageDataError.self) { try data.check(1) })".contains("found <f8"))
    #expect("\(try #require(throws: ImageDataError.self) { try data.check(2) })".contains("expected 4 bytes"))
  }

  /// PNG files of 16 bits: gray 0, 1, 257, 65535 in two rows; one pixel of red 1, green 2, blue 3 with alpha 40000.
  private static let deepGray =
    "iVBORw0KGgoAAAANSUhEUgAAAAIAAAACEAAAAAAHTY67AAAAEklEQVR42mNgYGBgZGBk/P8fAAMUAgIEWSJdAAAAAElFTkSuQmCC"
  private static let deepColor =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABEAYAAABPhRjKAAAAEUlEQVR42mNgYGRgYmCe4wAAAZsA48ggtzYAAAAASUVORK5CYII="

  /// Images that are kept in memory for a second pass have 8 bits; those of other channels must not come from there.
  @Test(arguments: [false, true])
  func keepsSixteenBitsOfPNGFilesCachedOrNot(isCached: Bool) throws {
    let folder = try folder([
      "a.png": try #require(Data(base64Encoded: Self.deepGray)),
      "b.png": try #require(Data(base64Encoded: Self.deepColor)),
    ])
    let whole = try openDataset(folder.path)
    let data = isCached ? whole.cached(budget: 1 << 20) : whole
    _ = try data.image(0)
    let scale = Float(65535)
    #expect(try data.bands(0, channels: 1).values == [0, 1 / scale, 257 / scale, 1])
    #expect(try data.bands(1, channels: 4).values == [1 / scale, 2 / scale, 3 / scale, 40000 / scale])
    #expect(throws: ImageDataError.self) { try data.bands(1, channels: 1) }
    #expect(throws: ImageDataError.self) { try data.bands(0, channels: 2) }
  }

  @Test func dropsTransparencyAndRefusesToTurnSixteenBits() throws {
    let bytes = [UInt8](try #require(Data(base64Encoded: Self.deepColor)))
    let color = try BandImage(decoding: bytes, channels: 3, item: "x", options: DecodingOptions())
    #expect(color.values == [Float(1) / 65535, Float(2) / 65535, Float(3) / 65535])
    var upright = DecodingOptions()
    upright.appliesOrientation = true
    let message = try #require(throws: ImageDataError.self) {
      try BandImage(decoding: bytes, channels: 3, item: "x", options: upright)
    }
    #expect("\(message)".contains("not turned upright"))
  }

  @Test func aFolderWithImagesIsNoFolderOfArrays() throws {
    let folder = try folder(["a.npy": array("|u1", [1, 1], [0]), "b.png": Data()])
    #expect(try openDataset(folder.path).hasBands == false)
  }

  @Test func grayIsPillows() throws {
    let image = RGBImage(width: 2, height: 1, pixels: [255, 0, 0, 10, 200, 30])
    let gray = try BandImage(image, channels: 1, item: "x")
    // (19595 r + 38470 g + 7471 b + 0x8000) >> 16
    #expect(gray.values == [Float(76) / 255, Float(124) / 255])
    #expect(throws: ImageDataError.channelMismatch(item: "x", expected: 4, found: 3)) {
      try BandImage(image, channels: 4, item: "x")
    }
  }

  @Test func resizesAsBytesAreResized() {
    // Bytes are rounded twice; real numbers stay within that of them, where no filter overshoots the bytes.
    let shades: [UInt8] = (0..<23 * 17).map { index in UInt8(90 + index * index % 71) }
    let pixels: [UInt8] = shades.flatMap { [UInt8](repeating: $0, count: 3) }
    let image = RGBImage(width: 23, height: 17, pixels: pixels)
    let bands = BandImage(
      width: 23, height: 17, channels: 1,
      values: stride(from: 0, to: pixels.count, by: 3).map { Float(pixels[$0]) })
    for filter in Interpolation.allCases {
      for (width, height) in [(10, 8), (31, 40), (23, 5)] {
        let expected = image.resized(width: width, height: height, interpolation: filter)
        let found = bands.resized(
          width: width, height: height, interpolation: filter,
          window: PixelWindow(x: 0, y: 0, width: width, height: height))
        for (index, value) in found.enumerated() {
          let byte = Float(expected.pixels[3 * index])
          #expect(abs(min(max(value, 0), 255) - byte) < 1.6, "\(filter) \(width)x\(height) [\(index)]")
        }
      }
    }
  }

  @Test func cropsAndNormalizesEveryBand() {
    var own = Preprocessing(resize: 2, crop: 2, interpolation: .nearest, mean: [0, 1], std: [1, 2])
    own.mode = .letterbox
    own.padding = 255
    let image = BandImage(width: 2, height: 1, channels: 2, values: [1, 5, 2, 7])
    own.cropSize = CropSize(height: 3, width: 2)
    var values = [Float](repeating: 0, count: 12)
    values.withUnsafeMutableBufferPointer { own.apply(image, into: $0.baseAddress!) }
    #expect(values == [1, 0, 1, 0, 1, 2, 2, 3, 1, 0, 1, 0])
  }
}
