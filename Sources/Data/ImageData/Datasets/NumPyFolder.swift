import Platform

/// A folder of NumPy arrays, one for each image: `[height, width]`, `[height, width, channels]` or `[channels, height,
/// width]` of unsigned bytes, unsigned 16-bit integers or float32.
///
/// Integers are scaled to 0…1; real numbers are taken as they are. Files in folders below come as those of `ImageFolder`
/// do. There are no labels.
struct NumPyFolder: ImageDataset {
  let name: String
  let classNames: [String]? = nil
  private let root: [UInt8]
  private let paths: PackedStrings
  private let maximumPixelCount: Int

  private static let suffix = Array(".npy".utf8)

  /// - Returns: nil for a folder that holds other images, or no arrays.
  /// - Throws: `unreadable`, `readFailed`, `linkLoop`.
  init?(_ root: String, decoding: DecodingOptions) throws(ImageDataError) {
    name = root
    self.root = Array(root.utf8)
    maximumPixelCount = decoding.maximumPixelCount
    let listing = try FolderListing(path: self.root)
    guard !listing.files.contains(where: ImageFolder.isImage) else { return nil }
    var paths = PackedStrings()
    for file in listing.files where Self.isArray(file) { paths.append(file) }
    var visits: [[UInt64]: Int] = [:]
    for folder in listing.folders {
      let files = try ImageFolder.files(
        below: folder, root: self.root, ancestors: [listing.identity], visits: &visits
      ) { Self.isArray($0) || ImageFolder.isImage($0) }
      guard files.allSatisfy(Self.isArray) else { return nil }
      for file in files { paths.append(file) }
    }
    guard paths.count > 0 else { return nil }
    self.paths = paths
  }

  private static func isArray(_ file: [UInt8]) -> Bool { lowercased(file).suffix(4) == suffix[...] }

  var count: Int { paths.count }
  func label(_ index: Int) -> Int? { nil }
  func itemName(_ index: Int) -> String { display(path(index)) }
  private func path(_ index: Int) -> [UInt8] { ImageFolder.join(root, Array(paths[index])) }

  var hasBands: Bool { true }

  private func array(_ index: Int) throws -> NumPyArray {
    let item = itemName(index)
    return try NumPyArray(RandomAccessBytes(try readFile(path(index)), path: item))
  }

  func bands(_ index: Int, channels: Int) throws -> BandImage {
    try array(index).bands(channels: channels, maximumPixelCount: maximumPixelCount)
  }

  func check(_ index: Int) throws { try array(index).checkBands() }

  func image(_ index: Int) throws -> RGBImage {
    throw ImageDataError.badImage(
      item: itemName(index), reason: "an array of bands is no image of red, green and blue")
  }
}
