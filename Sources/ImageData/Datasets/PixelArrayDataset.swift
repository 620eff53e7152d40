/// Images of one size stored as plain bytes: CIFAR, IDX and NumPy files.
struct PixelArrayDataset: ImageDataset {
  /// How the bytes of one image are arranged.
  enum Layout: Sendable {
    /// Grey, row by row.
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
  }

  let name: String
  let classNames: [String]? = nil
  private let bytes: RandomAccessBytes
  private let geometry: Geometry
  private let labels: [Int]?

  init(_ bytes: RandomAccessBytes, _ geometry: Geometry, labels: [Int]?) {
    name = bytes.path
    self.bytes = bytes
    self.geometry = geometry
    self.labels = labels
  }

  var count: Int { geometry.count }

  func label(_ index: Int) -> Int? { labels?[index] }

  func itemName(_ index: Int) -> String { "\(name)[\(index)]" }

  func image(_ index: Int) throws -> RGBImage {
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
