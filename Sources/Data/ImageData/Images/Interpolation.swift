import CImageKernels

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
