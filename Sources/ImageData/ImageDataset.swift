/// Images that can be read in any order, from any thread.
public protocol ImageDataset: Sendable {
  /// The data set as the user named it.
  var name: String { get }
  /// Number of images.
  var count: Int { get }
  /// Names of the classes in the order of the labels, or nil if the images are unlabelled.
  var classNames: [String]? { get }
  /// Class of an image, or nil if it is unlabelled.
  func label(_ index: Int) -> Int?
  /// Reads and decodes an image.
  /// - Throws: `ImageDataError`.
  func image(_ index: Int) throws -> RGBImage
  /// Name of an image for diagnostics, such as its path.
  func itemName(_ index: Int) -> String
}

/// Opens the data set that a command-line argument names.
///
/// A folder is an image folder: `root/class/…/*.jpg`, or images alone, which are then unlabelled.
/// - Throws: `ImageDataError`.
public func openDataset(_ argument: String) throws(ImageDataError) -> any ImageDataset {
  switch try FileKind(path: argument) {
  case .folder: try ImageFolder(argument)
  case .file: throw .unknownDataset(path: argument, found: "a file")
  case .other: throw .unknownDataset(path: argument, found: "neither a file nor a folder")
  }
}
