import CKernels

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

  var kernel: ckpt_resize_filter {
    switch self {
    case .nearest: CKPT_RESIZE_NEAREST
    case .box: CKPT_RESIZE_BOX
    case .bilinear: CKPT_RESIZE_BILINEAR
    case .hamming: CKPT_RESIZE_HAMMING
    case .bicubic: CKPT_RESIZE_BICUBIC
    case .lanczos: CKPT_RESIZE_LANCZOS
    }
  }
}
