import CImageKernels
import Platform

extension RGBImage {
  /// Pixels above which an image is refused as a decompression bomb unless the options say otherwise: twice Pillow's
  /// `MAX_IMAGE_PIXELS`, where Pillow turns its warning into an error.
  public static let maximumPixelCount = 2 * (1024 * 1024 * 1024 / 4 / 3)

  /// Decodes a JPEG, PNG, WebP, BMP or PNM file, recognized by its content.
  ///
  /// The pixels are those of Pillow's `Image.open(…).convert("RGB")` with libjpeg-turbo: accurate integer
  /// inverse DCT, smooth chroma upsampling, CMYK taken as inverted, no EXIF rotation, no color management,
  /// transparency dropped, 16-bit color reduced to its high byte, 16-bit gray of PNG and PNM clipped at
  /// 255. Stricter than
  /// Pillow: PNG checksums are verified and its end must be there.
  /// - Parameters:
  ///   - bytes: The whole file.
  ///   - item: Name of the image in errors.
  ///   - options: What to do differently from torchvision.
  /// - Throws: `badImage` with the reason, also for a file that claims far more pixels or scans than its bytes can mean, or
  ///   `imageTooLarge`.
  public init(
    decoding bytes: [UInt8], item: String, options: DecodingOptions = DecodingOptions()
  ) throws(ImageDataError) {
    var header = ck_image_header()
    try Self.call(item) { message in
      ck_image_read_header(bytes, bytes.count, &header, message)
    }
    // The stored size counts: it is what decoding takes memory for, reduced or not.
    let stored = (width: Int(header.width), height: Int(header.height))
    guard stored.width > 0, stored.height > 0 else {
      throw .badImage(item: item, reason: "the image has no pixels")
    }
    let limit = options.maximumPixelCount
    guard stored.width <= limit / stored.height else {
      throw .imageTooLarge(item: item, width: stored.width, height: stored.height, limit: limit)
    }
    if let excess = DecodingBudget.excess(of: bytes, width: stored.width, height: stored.height) {
      throw .badImage(item: item, reason: excess)
    }
    if let side = options.fastDecodeSide { ck_image_reduce(&header, UInt32(clamping: side)) }
    let decoded = header
    self = try DecodingBudget.inTurn(pixels: stored.width * stored.height) {
      () throws(ImageDataError) -> RGBImage in
      let image = try Self.pixels(of: bytes, decoded, item: item)
      return options.appliesOrientation ? image.upright(from: Orientation(of: bytes)) : image
    }
  }

  private static func pixels(
    of bytes: [UInt8], _ header: ck_image_header, item: String
  ) throws(ImageDataError) -> RGBImage {
    var header = header
    let (width, height) = (Int(header.width), Int(header.height))
    var failure: ImageDataError?
    let count = width * height * 3
    let pixels = [UInt8](unsafeUninitializedCapacity: count) { target, written in
      do throws(ImageDataError) {
        try Self.call(item) { message in
          ck_image_decode(bytes, bytes.count, &header, target.baseAddress, message)
        }
        written = count
      } catch {
        failure = error
      }
    }
    if let failure { throw failure }
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  static func call(
    _ item: String, _ codec: (UnsafeMutablePointer<CChar>) -> ck_image_status
  ) throws(ImageDataError) {
    var status = CK_IMAGE_OK
    let message = String(unsafeUninitializedCapacity: Int(CK_IMAGE_MESSAGE_SIZE)) { buffer in
      buffer.withMemoryRebound(to: CChar.self) { text in
        status = codec(text.baseAddress!)
        return text.firstIndex(of: 0) ?? text.count
      }
    }
    guard status == CK_IMAGE_OK else { throw .badImage(item: item, reason: message) }
  }
}

/// A bound on the work of one image, in proportion to the bytes of its file.
///
/// A header of thirty bytes can claim any size, a palette or run-length picture of one colour takes hardly any, and every
/// scan of a progressive JPEG goes over all of its pixels. Photographs and drawings stay far below these bounds:
/// deflate packs at most 1032 bytes into one, a JPEG at most 512 pixels.
struct DecodingBudget {
  /// Pixels for every byte of the file.
  static let pixelsPerByte = 4096
  /// Pixels that a file may claim however short it is.
  static let freePixels = 1 << 24
  /// Pixels times scans that a file may claim however short it is.
  static let freePasses = 1 << 28
  /// Bytes of the largest file that is taken for an image.
  static let largestFile = 1 << 30

  /// Why the image is too much for its file; nil when it is not.
  ///
  /// - Parameters:
  ///   - width: Columns, above 0.
  ///   - height: Rows, above 0, with a product of both that fits.
  static func excess(of file: [UInt8], width: Int, height: Int) -> String? {
    let pixels = width * height
    let earned = file.count.multipliedReportingOverflow(by: pixelsPerByte)
    let allowance = earned.overflow ? Int.max / 2 : min(earned.partialValue, Int.max / 2)
    guard pixels <= freePixels + allowance else {
      return "claims \(width) x \(height) pixels in \(file.count) bytes"
    }
    let scans = scanCount(ofJPEG: file)
    let (passes, overflow) = pixels.multipliedReportingOverflow(by: scans)
    guard !overflow, passes <= freePasses + allowance else {
      return "claims \(scans) scans of \(width) x \(height) pixels in \(file.count) bytes"
    }
    return nil
  }

  /// The scans of a JPEG file, found by its markers as a decoder finds them; 1 for other files.
  static func scanCount(ofJPEG file: [UInt8]) -> Int {
    guard file.starts(with: [0xff, 0xd8]) else { return 1 }
    return file.withUnsafeBufferPointer { bytes in
      var scans = 0
      var at = 2
      while at + 1 < bytes.count {
        let marker = bytes[at + 1]
        // Entropy-coded data hold 0xff before a zero or a restart; what is no marker is skipped.
        guard bytes[at] == 0xff, marker != 0xff, marker != 0, !(0xd0...0xd7).contains(marker) else {
          at += 1
          continue
        }
        if marker == 0xd9 { break }
        at += 2
        if marker == 0x01 || marker == 0xd8 { continue }
        if marker == 0xda { scans += 1 }
        guard at + 1 < bytes.count else { break }
        at += max(2, Int(bytes[at]) << 8 | Int(bytes[at + 1]))
      }
      return max(scans, 1)
    }
  }

  private static let turn = Guarded(())

  /// Calls `body`, for images beyond `freePixels` one at a time: the decoders' memory is that of one such image, however
  /// many threads there are.
  static func inTurn(
    pixels: Int, _ body: () throws(ImageDataError) -> RGBImage
  ) throws(ImageDataError) -> RGBImage {
    guard pixels > freePixels else { return try body() }
    return try turn.withLock { _ throws(ImageDataError) in try body() }
  }
}
