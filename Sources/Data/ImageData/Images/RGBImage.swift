import CImageKernels

/// A decoded image: 8-bit R, G, B.
public struct RGBImage: Sendable, Equatable {
  /// Pixels per row.
  public let width: Int
  /// Number of rows.
  public let height: Int
  /// `[height, width, 3]`, rows from top to bottom without padding.
  public let pixels: [UInt8]

  /// An image of the given size.
  /// - Precondition: `pixels` holds `height * width * 3` bytes, and neither side is zero.
  public init(width: Int, height: Int, pixels: [UInt8]) {
    precondition(width > 0 && height > 0, "an image of \(width) x \(height)")
    precondition(pixels.count == width * height * 3, "\(pixels.count) bytes for \(width) x \(height) pixels")
    self.width = width
    self.height = height
    self.pixels = pixels
  }

  /// The pixels of `window`, which lies inside the image.
  func cropped(to window: PixelWindow) -> RGBImage {
    var result: [UInt8] = []
    result.reserveCapacity(window.width * window.height * 3)
    for y in window.y..<(window.y + window.height) {
      let start = (y * width + window.x) * 3
      result += pixels[start..<(start + window.width * 3)]
    }
    return RGBImage(width: window.width, height: window.height, pixels: result)
  }
}

/// Filters of `RGBImage.resized`, under Pillow's names.
///
/// All but `nearest` are widened by the reduction factor, so that reducing an image does not alias.
public enum Interpolation: String, CaseIterable, Sendable {
  /// The source pixel at the place of the output's center.
  case nearest
  /// Average over the output pixel's area.
  case box
  /// Triangle of radius 1.
  case bilinear
  /// Hamming-windowed sinc of radius 1.
  case hamming
  /// Keys' cubic with a = -0.5, radius 2.
  case bicubic
  /// Lanczos-windowed sinc of radius 3.
  case lanczos

  var kernel: ck_resize_filter {
    switch self {
    case .nearest: CK_RESIZE_NEAREST
    case .box: CK_RESIZE_BOX
    case .bilinear: CK_RESIZE_BILINEAR
    case .hamming: CK_RESIZE_HAMMING
    case .bicubic: CK_RESIZE_BICUBIC
    case .lanczos: CK_RESIZE_LANCZOS
    }
  }
}

extension RGBImage {
  /// Resizes to `width` x `height`; every byte equals Pillow's `Image.resize` (13.0).
  ///
  /// Separable convolution, 8-bit intermediate, weights of 22 fractional bits. Tall images that lose more
  /// than twice as many rows as columns are reduced vertically first, as Pillow 13 does; older versions
  /// always begin with the rows.
  public func resized(width: Int, height: Int, interpolation: Interpolation) -> RGBImage {
    let window = PixelWindow(x: 0, y: 0, width: width, height: height)
    var pixels = [UInt8](repeating: 0, count: width * height * 3)
    resize(
      width: width, height: height, interpolation: interpolation, window: window, at: 0, of: &pixels,
      stride: width * 3)
    return RGBImage(width: width, height: height, pixels: pixels)
  }

  /// Writes `window` of the image resized to `width` x `height` into `target`, whose rows are `stride` bytes
  /// apart, from byte `offset` on. Only what the window depends on is computed.
  func resize(
    width: Int, height: Int, interpolation: Interpolation, window: PixelWindow, at offset: Int,
    of target: inout [UInt8], stride: Int, variant: ResizeVariant = .best
  ) {
    precondition(width > 0 && height > 0, "resizing to \(width) x \(height)")
    precondition(window.x >= 0 && window.width > 0 && window.width <= width - window.x)
    precondition(window.y >= 0 && window.height > 0 && window.height <= height - window.y)
    precondition(window.width * 3 <= stride)
    precondition(offset >= 0 && offset + (window.height - 1) * stride + window.width * 3 <= target.count)
    let done = pixels.withUnsafeBufferPointer { source in
      target.withUnsafeMutableBufferPointer { target in
        var image = ck_rgb_image(
          pixels: source.baseAddress, width: UInt32(self.width), height: UInt32(self.height))
        var area = ck_resize_window(
          x: UInt32(window.x), y: UInt32(window.y), width: UInt32(window.width), height: UInt32(window.height)
        )
        return ck_resize_rgb8(
          ck_resize_kernels_for(variant.isa), &image, UInt32(width), UInt32(height), interpolation.kernel,
          &area,
          target.baseAddress! + offset,
          stride)
      }
    }
    guard done else { fatalError("out of memory while resizing to \(width) x \(height)") }
  }
}

/// A rectangle of pixels.
struct PixelWindow: Equatable {
  var x: Int
  var y: Int
  var width: Int
  var height: Int
}

/// Implementations of the resizing; all give the same bytes.
enum ResizeVariant: CaseIterable {
  case scalar, avx2

  var isa: ck_isa {
    switch self {
    case .scalar: CK_SCALAR
    case .avx2: CK_AVX2
    }
  }

  /// The kernels that this processor can run.
  static let available = allCases.filter { ck_resize_kernels_for($0.isa) != nil }

  static let best = available.last!
}
