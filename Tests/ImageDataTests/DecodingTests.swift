import Testing

@testable import ImageData

@Suite struct DecodingTests {
  @Test func everyPixelEqualsPillow() throws {
    let rows = try ImageGolden.rows("corpus.tsv")
    #expect(rows.count > 50)
    for row in rows {
      let bytes = try ImageGolden.file(row[0])
      if row[3] == "refused" {
        #expect(throws: ImageDataError.self, "\(row[0])") { try RGBImage(decoding: bytes, item: row[0]) }
      } else {
        let image = try RGBImage(decoding: bytes, item: row[0])
        #expect([image.width, image.height] == row[1...2].map { Int($0)! }, "\(row[0])")
        #expect(ImageGolden.hash(image.pixels) == row[3], "\(row[0])")
        var options = DecodingOptions()
        options.appliesOrientation = true
        let upright = try RGBImage(decoding: bytes, item: row[0], options: options)
        #expect(ImageGolden.hash(upright.pixels) == row[4], "\(row[0])")
      }
    }
  }

  @Test func sixteenBitGreyIsClipped() throws {
    let image = try RGBImage(decoding: ImageGolden.file("grey-16.png"), item: "x")
    // Random samples of 16 bits are nearly all above 255.
    #expect(image.pixels.count(where: { $0 == 255 }) > image.pixels.count * 9 / 10)
  }

  @Test(arguments: [
    "420-41x29.jpg", "420-41x29-progressive.jpg", "rgb-8.png", "palette-4-interlaced.png", "lossy.webp",
    "lossless.webp", "bits-32.bmp", "rle8.bmp", "rgb.ppm", "p4.pnm", "p5-1000.pnm", "p1.pnm",
  ])
  func everyTruncationIsRefused(_ name: String) throws {
    let bytes = try ImageGolden.file(name)
    for length in 0..<bytes.count {
      let error = try #require(throws: ImageDataError.self, "\(length)") {
        try RGBImage(decoding: Array(bytes.prefix(length)), item: name)
      }
      #expect(error.kind == .badData)
    }
  }

  @Test func truncationIsNamed() throws {
    let bytes = try ImageGolden.file("420-41x29.jpg")
    let half = Array(bytes.prefix(bytes.count - 50))
    let error = try #require(throws: ImageDataError.self) { try RGBImage(decoding: half, item: "a/b.jpg") }
    #expect(
      error.description.hasPrefix("a/b.jpg: truncated JPEG: the data ends after \(half.count) bytes, "),
      "\(error)")
    #expect(error.description.hasSuffix("of 29 rows decoded"), "\(error)")
    let png = Array(try ImageGolden.file("rgb-8.png").dropLast(20))
    #expect(
      throws: ImageDataError.badImage(
        item: "b.png",
        reason: "truncated PNG: the data ends after \(png.count) bytes, before the end of the image")
    ) { try RGBImage(decoding: png, item: "b.png") }
  }

  @Test func checksumErrorsAreRefused() throws {
    let bytes = try ImageGolden.file("rgb-8.png")
    for position in 16..<bytes.count {
      var damaged = bytes
      damaged[position] ^= 1
      #expect(throws: ImageDataError.self, "\(position)") { try RGBImage(decoding: damaged, item: "x") }
    }
  }

  @Test(arguments: [(1, 6, 4), (4, 6, 4), (5, 11, 8), (8, 11, 8), (9, 21, 15), (15, 21, 15), (16, 41, 29)])
  func fastDecodingReducesJPEGs(side: Int, width: Int, height: Int) throws {
    var options = DecodingOptions()
    options.fastDecodeSide = side
    let full = try RGBImage(decoding: ImageGolden.file("444-41x29.jpg"), item: "x")
    let reduced = try RGBImage(decoding: ImageGolden.file("444-41x29.jpg"), item: "x", options: options)
    #expect([reduced.width, reduced.height] == [width, height])
    // The same picture: means agree.
    func mean(_ image: RGBImage) -> Double {
      image.pixels.reduce(0) { $0 + Double($1) } / Double(image.pixels.count)
    }
    #expect(abs(mean(reduced) - mean(full)) < 6)
    let png = try RGBImage(decoding: ImageGolden.file("rgb-8.png"), item: "x", options: options)
    #expect(png.width == 13)
  }

  @Test func otherContentIsRefused() {
    let texts: [(String, String)] = [
      ("", "an empty file"), ("GIF89a......", "a GIF image"), ("no image", "something else"),
      ("....ftypavif....", "an AVIF image"), ("version https://git-lfs.example", "a Git LFS pointer"),
    ]
    for (text, found) in texts {
      let reason = "expected a JPEG, PNG, WebP, BMP or PNM image, found \(found)"
      #expect(throws: ImageDataError.badImage(item: "x", reason: reason)) {
        try RGBImage(decoding: Array(text.utf8), item: "x")
      }
    }
  }

  @Test func decompressionBombIsRefusedBeforeMemoryIsTaken() throws {
    // A grey JPEG whose frame header claims 65500 x 65500 pixels.
    var bytes = try ImageGolden.file("grey.jpg")
    let frame = try #require((2..<bytes.count).first { bytes[$0] == 0xff && bytes[$0 + 1] == 0xc0 })
    bytes.replaceSubrange((frame + 5)..<(frame + 9), with: [0xff, 0xdc, 0xff, 0xdc])
    #expect(
      throws: ImageDataError.imageTooLarge(
        item: "bomb.jpg", width: 65500, height: 65500, limit: 178_956_970)
    ) { try RGBImage(decoding: bytes, item: "bomb.jpg") }
  }

  @Test func damageNeverCrashes() throws {
    for name in [
      "420-41x29.jpg", "420-41x29-progressive.jpg", "cmyk.jpg", "rgba-16-interlaced.png", "lossy.webp",
      "bits-4.bmp", "565.bmp", "rle4.bmp",
      "grey.pgm", "p2-15.pnm", "p4.pnm", "exif-6.webp", "exif-rational.jpg", "profile-zipped.png",
    ] {
      let bytes = try ImageGolden.file(name)
      var options = DecodingOptions()
      options.appliesOrientation = true
      for position in bytes.indices {
        for value in [0, 0xff, bytes[position] ^ 0x10] as [UInt8] {
          var damaged = bytes
          damaged[position] = value
          if let image = try? RGBImage(decoding: damaged, item: name, options: options) {
            #expect(image.pixels.count == image.width * image.height * 3)
          }
        }
      }
    }
  }
}
