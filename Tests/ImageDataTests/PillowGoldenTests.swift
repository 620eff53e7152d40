import CZlib
import Checkpoint
import Foundation
import TestSupport
import Testing

@testable import ImageData

/// Every byte of what Pillow and torchvision make of real and of awkward pictures.
@Suite struct PillowGoldenTests {
  @Test func resizedBytes() throws {
    let golden = try TestSupport.Golden("ImageData/resize")
    var cases = 0
    for (key, text) in golden.source.metadata.sortedEntries where key.hasPrefix("case-") {
      let words = text.split(separator: " ")
      let size = words[1].split(separator: "x").map { Int($0)! }
      let filter = try #require(Interpolation(rawValue: String(words[0])))
      let shape = try #require(golden.shape("\(key)/input"))
      let image = RGBImage(width: shape[1], height: shape[0], pixels: try golden.bytes("\(key)/input"))
      let resized = image.resized(width: size[0], height: size[1], interpolation: filter)
      #expect(try resized.pixels == golden.bytes("\(key)/output"), "\(key): \(text) of \(shape)")
      cases += 1
    }
    #expect(cases == 114)
  }

  @Test func decodedAndCroppedFiles() throws {
    let golden = try TestSupport.Golden("ImageData/resize")
    let checkpoint = try openCheckpoint(.path(try #require(try Fixtures.series().first)))
    let preprocessing = try #require(
      try Preprocessing(metadata: { checkpoint.metadata[$0] }, source: checkpoint.label))
    let prefix = "decoded-crc32/"
    let files = golden.source.tensors.map(\.name.string).filter { $0.hasPrefix(prefix) }
      .map { String($0.dropFirst(prefix.count)) }
    #expect(files.count == 8)
    for file in files {
      let bytes = try Data(contentsOf: URL(fileURLWithPath: Fixtures.path(file)))
      let image = try RGBImage(decoding: Array(bytes), item: file)
      #expect(try checksum(image) == golden.doubles("\(prefix)\(file)")[0], "\(file)")
      let cropped = preprocessing.crop(of: image)
      #expect(try checksum(cropped) == golden.doubles("preprocessed-crc32/\(file)")[0], "\(file)")
    }
  }

  private func checksum(_ image: RGBImage) -> Double {
    Double(crc32_z(0, image.pixels, image.pixels.count))
  }
}
