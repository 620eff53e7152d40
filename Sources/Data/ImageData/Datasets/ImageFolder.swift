/// A folder of images: `root/class/…/*.jpg`, or images alone.
///
/// Classes and files come in the order of torchvision's `ImageFolder`: every folder in the root is a class,
/// hidden ones too if they hold an image; classes are numbered by name; each class is searched through all its
/// folders, links followed; folders are ordered by their whole path and files by name, byte by byte. Files outside
/// class folders do not count, unless there is no class folder: then they are the data set, unlabeled.
struct ImageFolder: ImageDataset {
  let name: String
  let classNames: [String]?
  let labelSource = LabelSource.folders
  private let root: [UInt8]
  private let paths: PackedStrings
  private let labels: [Int32]
  private let decoding: DecodingOptions

  /// torchvision's `IMG_EXTENSIONS`.
  static let extensions: [[UInt8]] = [
    ".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp",
  ].map { Array($0.utf8) }

  /// Lists the images below `root`; none is opened.
  /// - Throws: `unreadable`, `readFailed`, `emptyDataset`, `emptyClasses` or `linkLoop`.
  init(
    _ root: String, decoding: DecodingOptions, onRemark: (DatasetRemark) -> Void
  ) throws(ImageDataError) {
    name = root
    self.decoding = decoding
    self.root = Array(root.utf8)
    let listing = try FolderListing(path: self.root)
    var paths = PackedStrings()
    var labels: [Int32] = []
    var classes: [String] = []
    var empty: [String] = []
    var skipped: [String] = []
    var visits: [[UInt64]: Int] = [:]
    for folder in listing.folders {
      let files = try Self.files(
        below: folder, root: self.root, ancestors: [listing.identity], visits: &visits,
        isWanted: Self.isImage)
      if files.isEmpty {
        // Notebooks and synchronization create such folders; torchvision refuses them.
        if folder.first == UInt8(ascii: ".") {
          skipped.append(display(folder))
        } else {
          empty.append(display(folder))
        }
        continue
      }
      for file in files { paths.append(file) }
      labels += Array(repeating: Int32(classes.count), count: files.count)
      classes.append(display(folder))
    }
    guard empty.isEmpty else { throw .emptyClasses(path: root, classes: empty) }
    if classes.isEmpty {
      for file in listing.files where Self.isImage(file) { paths.append(file) }
      guard paths.count > 0 else { throw .emptyDataset(path: root, found: Self.describe(listing)) }
    }
    if !skipped.isEmpty { onRemark(.hiddenFoldersSkipped(path: root, folders: skipped)) }
    classNames = classes.isEmpty ? nil : classes
    self.paths = paths
    self.labels = labels
  }

  var count: Int { paths.count }

  func label(_ index: Int) -> Int? { classNames == nil ? nil : Int(labels[index]) }

  func image(_ index: Int) throws -> RGBImage {
    try RGBImage(decoding: readFile(path(index)), item: itemName(index), options: decoding)
  }

  var hasBands: Bool { decoding.keepsDepth }

  func bands(_ index: Int, channels: Int) throws -> BandImage {
    try BandImage(
      decoding: readFile(path(index)), channels: channels, item: itemName(index), options: decoding)
  }

  func itemName(_ index: Int) -> String { display(path(index)) }

  private func path(_ index: Int) -> [UInt8] { Self.join(root, Array(paths[index])) }
}

extension ImageFolder {
  private static func describe(_ listing: FolderListing) -> String {
    guard let first = listing.files.first else {
      return listing.folders.isEmpty ? "the folder is empty" : "nothing but hidden folders without images"
    }
    return listing.files.count == 1
      ? "one other file, \"\(display(first))\""
      : "\(listing.files.count) other files, the first \"\(display(first))\""
  }

  /// Paths, relative to the root, of the files in `folder` and all folders below it that `isWanted` names.
  static func files(
    below folder: [UInt8], root: [UInt8], ancestors: [[UInt64]], visits: inout [[UInt64]: Int],
    isWanted: ([UInt8]) -> Bool
  ) throws(ImageDataError) -> [[UInt8]] {
    var found: [(folder: [UInt8], files: [[UInt8]])] = []
    try collect(
      folder, root: root, ancestors: ancestors, visits: &visits, isWanted: isWanted, into: &found)
    found.sort { $0.folder.lexicographicallyPrecedes($1.folder) }
    return found.flatMap { entry in entry.files.map { join(entry.folder, $0) } }
  }

  private static func collect(
    _ folder: [UInt8], root: [UInt8], ancestors: [[UInt64]], visits: inout [[UInt64]: Int],
    isWanted: ([UInt8]) -> Bool, into found: inout [(folder: [UInt8], files: [[UInt8]])]
  ) throws(ImageDataError) {
    let path = join(root, folder)
    let listing = try FolderListing(path: path)
    guard !ancestors.contains(listing.identity) else { throw .linkLoop(path: display(path)) }
    // Links that lead to folders of links multiply the ways.
    visits[listing.identity, default: 0] += 1
    guard visits[listing.identity]! <= largestVisitCount else {
      throw .badDataset(
        path: display(path), reason: "links lead to this folder in more than \(largestVisitCount) ways")
    }
    guard ancestors.count < largestDepth else {
      throw .badDataset(path: display(path), reason: "folders more than \(largestDepth) deep")
    }
    found.append((folder, listing.files.filter(isWanted)))
    for inner in listing.folders {
      try collect(
        join(folder, inner), root: root, ancestors: ancestors + [listing.identity], visits: &visits,
        isWanted: isWanted, into: &found)
    }
  }

  private static let largestVisitCount = 256
  private static let largestDepth = 128

  static func isImage(_ file: [UInt8]) -> Bool {
    let lowered = lowercased(file)
    return extensions.contains { lowered.suffix($0.count) == $0[...] }
  }

  static func join(_ folder: [UInt8], _ name: [UInt8]) -> [UInt8] {
    folder.last == UInt8(ascii: "/") ? folder + name : folder + [UInt8(ascii: "/")] + name
  }
}
