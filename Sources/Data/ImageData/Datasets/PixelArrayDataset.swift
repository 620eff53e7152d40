/// Images of one size stored as plain bytes: CIFAR, IDX, NumPy and tensor files.
struct PixelArrayDataset: ImageDataset {
  /// Arrangement of the bytes of one image.
  enum Layout: Sendable {
    /// Gray, row by row.
    case grey
    /// R G B of each pixel.
    case interleaved
    /// All of R, all of G, all of B.
    case planar

    var channels: Int { self == .grey ? 1 : 3 }
  }

  /// Where the images lie in the file.
  struct Geometry: Sendable {
    var width: Int
    var height: Int
    var layout: Layout
    var count: Int
    /// First byte of the first image.
    var start: Int
    /// Bytes from one image to the next.
    var stride: Int

    var imageSize: Int { width * height * layout.channels }

    /// The shapes that are read, in words.
    static let shapes = "[n, h, w], [n, h, w, 1 or 3] or [n, 1 or 3, h, w]"

    init(width: Int, height: Int, layout: Layout, count: Int, start: Int, stride: Int) {
      self.width = width
      self.height = height
      self.layout = layout
      self.count = count
      self.start = start
      self.stride = stride
    }

    /// Images that follow each other without gaps as an array of `shape`; nil when that is none of `shapes`.
    init?(shape: [Int], start: Int) {
      guard shape.count == 3 || shape.count == 4 else { return nil }
      let (height, width, layout): (Int, Int, Layout)
      if shape.count == 3 {
        (height, width, layout) = (shape[1], shape[2], .grey)
      } else if shape[3] == 3 || shape[3] == 1 {
        (height, width, layout) = (shape[1], shape[2], shape[3] == 1 ? .grey : .interleaved)
      } else if shape[1] == 3 || shape[1] == 1 {
        (height, width, layout) = (shape[2], shape[3], shape[1] == 1 ? .grey : .planar)
      } else {
        return nil
      }
      self.init(
        width: width, height: height, layout: layout, count: shape[0], start: start,
        stride: height * width * layout.channels)
    }
  }

  let name: String
  let classNames: [String]?
  let labelSource: LabelSource
  private let bytes: RandomAccessBytes
  private let geometry: Geometry
  private let labels: [Int]?
  /// Images above this size are refused: views of a tensor may repeat its storage, and files may have holes.
  var maximumPixelCount = RGBImage.maximumPixelCount

  /// - Precondition: With `classNames` every label has a name.
  init(
    _ bytes: RandomAccessBytes, _ geometry: Geometry, labels: [Int]?, from labelSource: LabelSource,
    classNames: [String]? = nil, name: String? = nil
  ) {
    self.name = name ?? bytes.path
    self.labelSource = labelSource
    self.classNames = classNames
    self.bytes = bytes
    self.geometry = geometry
    self.labels = labels
  }

  var count: Int { geometry.count }

  func label(_ index: Int) -> Int? { labels?[index] }

  func itemName(_ index: Int) -> String { "\(name)[\(index)]" }

  func image(_ index: Int) throws -> RGBImage {
    guard geometry.width <= maximumPixelCount / geometry.height else {
      throw ImageDataError.imageTooLarge(
        item: itemName(index), width: geometry.width, height: geometry.height, limit: maximumPixelCount)
    }
    let stored = try bytes.read(at: geometry.start + index * geometry.stride, count: geometry.imageSize)
    let plane = geometry.width * geometry.height
    let pixels: [UInt8] =
      switch geometry.layout {
      case .grey: stored.flatMap { [$0, $0, $0] }
      case .interleaved: stored
      case .planar: (0..<(plane * 3)).map { stored[$0 % 3 * plane + $0 / 3] }
      }
    return RGBImage(width: geometry.width, height: geometry.height, pixels: pixels)
  }
}
