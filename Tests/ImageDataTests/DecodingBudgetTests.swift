import CZlib
import Checkpoint
import Foundation
import TestSupport
import Testing

@testable import ImageData

/// Files of a few bytes that claim much: refused before memory or time is spent.
@Suite struct DecodingBudgetTests {
  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private func write(_ name: String, _ bytes: [UInt8]) throws -> String {
    try Data(bytes).write(to: URL(fileURLWithPath: folder.file(name)))
    return folder.file(name)
  }

  /// A file of `count` bytes that are all holes.
  private func sparse(_ name: String, _ beginning: [UInt8], count: Int) throws -> String {
    let path = try write(name, beginning)
    #expect(truncate(path, count) == 0)
    return path
  }

  @Test func webPOfOneColourThatClaimsAHundredMegapixelsIsRefused() throws {
    // Lossless, 16384 x 10923 pixels of one colour in 34 bytes.
    let bytes: [UInt8] = [
      0x52, 0x49, 0x46, 0x46, 0x1a, 0, 0, 0, 0x57, 0x45, 0x42, 0x50, 0x56, 0x50, 0x38, 0x4c, 0x0e, 0, 0, 0,
      0x2f, 0xfe, 0x7f, 0xaa, 0x0a, 0x07, 0x10, 0x11, 0xfd, 0x0f, 0x44, 0x44, 0xff, 0x03,
    ]
    let error = try #require(throws: ImageDataError.self) { try RGBImage(decoding: bytes, item: "a.webp") }
    guard case .badImage(_, let reason) = error else { throw error }
    #expect(reason.hasPrefix("claims ") && reason.hasSuffix("pixels in 34 bytes"))
  }

  @Test func scansAreWeighedBySize() throws {
    #expect(DecodingBudget.scanCount(ofJPEG: try ImageGolden.file("420-41x29.jpg")) == 1)
    let progressive = try ImageGolden.file("420-41x29-progressive.jpg")
    let scans = DecodingBudget.scanCount(ofJPEG: progressive)
    #expect(scans > 4)
    #expect(DecodingBudget.excess(of: progressive, width: 41, height: 29) == nil)
    // The last scan again and again, behind entropy-coded data with a stuffed zero and a restart.
    let scan: [UInt8] = [0xff, 0xda, 0, 6, 1, 0, 0, 0, 0x12, 0xff, 0, 0xff, 0xd0, 0x34]
    let many =
      Array(progressive.dropLast(2)) + Array(repeating: scan, count: 480).flatMap { $0 } + [0xff, 0xd9]
    #expect(DecodingBudget.scanCount(ofJPEG: many) == scans + 480)
    #expect(DecodingBudget.excess(of: many, width: 41, height: 29) == nil)
    #expect(DecodingBudget.excess(of: many, width: 4000, height: 4000) != nil)
    #expect(DecodingBudget.excess(of: progressive, width: 4000, height: 4000) == nil)
    // What merely looks like a scan inside a segment is none.
    let thumbnail: [UInt8] = [0xff, 0xd8, 0xff, 0xe1, 0, 8, 0xff, 0xda, 0xff, 0xda, 0, 0, 0xff, 0xd9]
    #expect(DecodingBudget.scanCount(ofJPEG: thumbnail) == 1)
  }

  /// 480 scans go over 178 million pixels each: a minute and a half for a file that claims the largest size there is.
  @Test func progressiveJPEGOfManyScansIsRefusedBeforeItIsDecoded() throws {
    let good = try ImageGolden.file("420-41x29-progressive.jpg")
    let scan: [UInt8] = [0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0, 0]
    var bytes = Array(good.dropLast(2)) + Array(repeating: scan, count: 480).flatMap { $0 } + [0xff, 0xd9]
    #expect(try RGBImage(decoding: good, item: "a.jpg").width == 41)
    let frame = try #require(bytes.indices.first { bytes[$0] == 0xff && bytes[$0 + 1] == 0xc2 })
    for field in [5, 7] { bytes.replaceSubrange(frame + field..<frame + field + 2, with: [0x34, 0x40]) }
    // Enough bytes for the pixels, not for so many scans of them.
    bytes.insert(contentsOf: [0xff, 0xfe, 0xff, 0xff] + [UInt8](repeating: 0, count: 0xfffd), at: 2)
    let scans = DecodingBudget.scanCount(ofJPEG: bytes)
    #expect(scans > 480)
    let reason = "claims \(scans) scans of 13376 x 13376 pixels in \(bytes.count) bytes"
    let start = ContinuousClock.now
    #expect(throws: ImageDataError.badImage(item: "a.jpg", reason: reason)) {
      try RGBImage(decoding: bytes, item: "a.jpg")
    }
    #expect(ContinuousClock.now - start < .seconds(10))
  }

  /// A header of 16 KiB, right in all but the blocks, which deflate could not have packed into nothing.
  @Test func compressedImagesThatClaim32GiBAreRefused() throws {
    func little(_ value: Int, _ count: Int) -> [UInt8] {
      (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
    }
    var blob: [UInt8] = [0x89, 0x43, 0x4b, 0x5a, 0x0d, 0x0a, 0x1a, 0x0a, 1, 4, 1, 1, 3, 0, 0, 0]
    blob += little(1 << 24, 4) + little(2048, 4) + little(1 << 35, 8) + little(0, 8)
    for dimension in [1, 1 << 17, 1 << 18] { blob += little(dimension, 8) }
    for _ in 0..<2048 { blob += [0, 0, 0, 0x80, 0, 0, 0, 0] }
    blob += little(Int(crc32(0, blob, UInt32(blob.count))), 4) + little(0, 4)
    let header = #"{"images":{"dtype":"U8","shape":[16456],"data_offsets":[0,16456]}}"#
    try #require(blob.count == 16456)
    let path = try write("x.safetensors", little(header.utf8.count, 8) + Array(header.utf8) + blob)
    let error = try #require(throws: (any Error).self) { try openDataset(path) }
    #expect("\(error)".hasSuffix("tensor \"images\": compressed data have an impossible block table"))
  }

  @Test func claimsAreMeasuredByTheFile() {
    func excess(_ bytes: Int, _ width: Int, _ height: Int) -> String? {
      DecodingBudget.excess(of: [UInt8](repeating: 0, count: bytes), width: width, height: height)
    }
    #expect(excess(1, 4096, 4096) == nil)
    #expect(excess(1, 4096, 4098) != nil)
    #expect(excess(1 << 16, 16384, 16384) == nil)
    #expect(excess(100, Int(Int32.max), Int(Int32.max)) != nil)
  }

  @Test func limitOfPixelsIsThatOfTheOptions() throws {
    var options = DatasetOptions()
    options.decoding.maximumPixelCount = 41 * 29 - 1
    let bytes = try ImageGolden.file("420-41x29.jpg")
    let expected = ImageDataError.imageTooLarge(item: "x", width: 41, height: 29, limit: 41 * 29 - 1)
    #expect(throws: expected) { try RGBImage(decoding: bytes, item: "x", options: options.decoding) }
    options.decoding.maximumPixelCount += 1
    #expect(try RGBImage(decoding: bytes, item: "x", options: options.decoding).width == 41)
    // Arrays of pixels are images, too.
    let path = folder.file("x.safetensors")
    let pixels = TensorValue(dtype: .u8, shape: [1, 30, 41], bytes: [UInt8](repeating: 7, count: 1230))
    try writeCheckpoint(["images": pixels], metadata: Metadata(), to: .path(path))
    #expect(throws: ImageDataError.self) { try openDataset(path, options: options).image(0) }
    #expect(try openDataset(path).image(0).width == 41)
  }

  @Test func filesWithHolesAreRefused() throws {
    let image = try sparse("a.jpg", ImageGolden.file("grey.jpg"), count: 1 << 40)
    #expect(
      throws: ImageDataError.badImage(
        item: image, reason: "expected at most 1073741824 bytes, found 1099511627776")
    ) { try readFile(Array(image.utf8)) }
    let header = #"{"images":{"dtype":"U8","shape":[1,65536,65536],"data_offsets":[0,4294967296]}}"# + " "
    let tensors = try sparse(
      "x.safetensors", [UInt8(header.utf8.count), 0, 0, 0, 0, 0, 0, 0] + Array(header.utf8),
      count: 8 + header.utf8.count + 1 << 32)
    #expect(
      throws: ImageDataError.imageTooLarge(
        item: "\(tensors)[0]", width: 65536, height: 65536, limit: RGBImage.maximumPixelCount)
    ) { try openDataset(tensors).image(0) }
  }

  @Test func gzippedIDXUnpacksNoMoreThanItsHeaderSays() throws {
    // A header of 4 GB in front of little, and of little in front of much.
    for sizes: [UInt8] in [[0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1], [0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]] {
      let content: [UInt8] = [0, 0, 8, 3] + sizes + [UInt8](repeating: 0, count: 1 << 20)
      let path = try write("plain", content)
      #expect(try Tool.shell("gzip -n < '\(path)' > '\(path).gz'").status == 0)
      #expect(throws: ImageDataError.self) { try openDataset(path + ".gz") }
    }
  }

  @Test func foldersOfLinksToFoldersOfLinksAreRefused() throws {
    let manager = FileManager.default
    for level in 0...25 {
      try manager.createDirectory(atPath: folder.file("x/\(level)"), withIntermediateDirectories: true)
      guard level < 25 else { continue }
      for name in ["a", "b"] {
        try manager.createSymbolicLink(
          atPath: folder.file("x/\(level)/\(name)"), withDestinationPath: "../\(level + 1)")
      }
    }
    try Data(ImageGolden.file("grey.jpg")).write(to: URL(fileURLWithPath: folder.file("x/25/a.jpg")))
    try manager.createDirectory(atPath: folder.file("data/c"), withIntermediateDirectories: true)
    try manager.createSymbolicLink(atPath: folder.file("data/c/a"), withDestinationPath: "../../x/0")
    let error = try #require(throws: ImageDataError.self) { try openDataset(folder.file("data")) }
    #expect("\(error)".contains("in more than 256 ways"))
  }

  @Test func foldersTooDeepForAStackAreRefused() throws {
    let deep = "data/" + Array(repeating: "d", count: 200).joined(separator: "/")
    try FileManager.default.createDirectory(atPath: folder.file(deep), withIntermediateDirectories: true)
    let error = try #require(throws: ImageDataError.self) { try openDataset(folder.file("data")) }
    #expect("\(error)".contains("128 deep"))
  }

  @Test func namesAreComparedByBytes() throws {
    // This character and the dot are one grapheme.
    let path = try write("list\u{600}.tsv", Array("a.jpg\t0\n".utf8))
    #expect(try openDataset(path).count == 1)
  }
}
