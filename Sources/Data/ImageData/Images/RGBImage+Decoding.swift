import CImageKernels

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

  private static func call(
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
