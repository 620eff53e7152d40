import Synchronization

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

  private static let turn = Mutex(())

  /// Calls `body`, for images beyond `freePixels` one at a time: the decoders' memory is that of one such image, however
  /// many threads there are.
  static func inTurn(
    pixels: Int, _ body: () throws(ImageDataError) -> RGBImage
  ) throws(ImageDataError) -> RGBImage {
    guard pixels > freePixels else { return try body() }
    return try turn.withLock { _ throws(ImageDataError) in try body() }
  }
}
