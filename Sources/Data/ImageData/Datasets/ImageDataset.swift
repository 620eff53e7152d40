import Platform

/// Images that can be read in any order, from any thread.
public protocol ImageDataset: Sendable {
  /// The data set as the user named it.
  var name: String { get }
  /// Number of images.
  var count: Int { get }
  /// Names of the classes in the order of the labels, or nil if they have none: the images are then
  /// unlabeled or their labels plain numbers.
  var classNames: [String]? { get }
  /// Where the labels come from, for diagnostics about an image that has none.
  var labelSource: LabelSource { get }
  /// Class of an image, or nil if it is unlabeled.
  func label(_ index: Int) -> Int?
  /// Reads and decodes an image.
  /// - Throws: `ImageDataError`.
  func image(_ index: Int) throws -> RGBImage
  /// Name of an image for diagnostics, such as its path.
  func itemName(_ index: Int) -> String
  /// True if images are to be read by `bands`, as they have more depth or other channels than 8 bits of red, green and
  /// blue.
  var hasBands: Bool { get }
  /// Reads an image of a number of channels.
  /// - Throws: `ImageDataError`.
  func bands(_ index: Int, channels: Int) throws -> BandImage
  /// Reads and decodes an image to see if that can be done.
  /// - Throws: `ImageDataError`.
  func check(_ index: Int) throws
}

/// The place where a kind of data set has its labels.
public enum LabelSource: Sendable, Equatable, CustomStringConvertible {
  /// The names of the folders that hold the images.
  case folders
  /// The second column of a list.
  case list
  /// Files `.cls` in a tar archive; `hasJSON` is true if there are files `.json`, which may hold labels too.
  case classFiles(hasJSON: Bool)
  /// A member of this name in the files `.json` of a tar archive.
  case json(key: String)
  /// A file of labels next to the images, by any of these names.
  case file([String])
  /// A tensor or array of this name.
  case tensor(String)
  /// Any other.
  case other

  /// The place in words.
  public var description: String {
    switch self {
    case .folders: "one folder per class (root/class/image.jpg)"
    case .list: "path<TAB>label in each line"
    case .classFiles(let hasJSON):
      "a file \".cls\" of the image's name in the archive" + (hasJSON ? ", which has \".json\" files" : "")
    case .json(let key): "a member \"\(key)\" in a file \".json\" of the image's name in the archive"
    case .file(let names): "labels in \(names.map { "\"\($0)\"" }.joined(separator: " or "))"
    case .tensor(let name): "labels in \"\(name)\""
    case .other: "a label for every image"
    }
  }
}

extension ImageDataset {
  /// Data sets of 8 bits of red, green and blue.
  public var hasBands: Bool { false }

  /// The color image as three channels, or as gray.
  public func bands(_ index: Int, channels: Int) throws -> BandImage {
    try BandImage(try image(index), channels: channels, item: itemName(index))
  }

  /// Decodes the image.
  public func check(_ index: Int) throws { _ = try image(index) }

  /// Data sets that cannot say where their labels come from.
  public var labelSource: LabelSource { .other }

  /// The class of an image that needs one.
  /// - Throws: `ImageDataError.unlabelled`.
  public func requiredLabel(_ index: Int) throws(ImageDataError) -> Int {
    guard let label = label(index) else {
      throw .unlabelled(item: itemName(index), expected: labelSource)
    }
    return label
  }

  /// Checks that images have labels and that a classifier of `classCount` classes knows them.
  ///
  /// Named classes must be as many as the classifier has, because a class more or less shifts all labels
  /// after it; numbered ones must be below.
  /// - Parameters:
  ///   - images: Indices of the images to check; nil is all.
  ///   - classCount: Number of the classifier's outputs.
  ///   - classifier: Its name in errors.
  /// - Throws: `classCountMismatch` or `labelOutOfRange`, which say both numbers; `unlabelled`.
  public func checkLabels(
    of images: [Int]? = nil, classCount: Int, classifier: String
  ) throws(ImageDataError) {
    if let classNames, classNames.count != classCount {
      throw .classCountMismatch(
        path: name, found: classNames.count, classifier: classifier, expected: classCount,
        hidden: classNames.filter { $0.utf8.first == UInt8(ascii: ".") })
    }
    for index in images ?? Array(0..<count) {
      let label = try requiredLabel(index)
      if label >= classCount {
        throw .labelOutOfRange(
          item: itemName(index), label: label, classifier: classifier, classCount: classCount)
      }
    }
  }
}

extension ImageDataset {
  /// An image that cannot be decoded.
  public typealias BadImage = (place: Int, error: ImageDataError)

  /// Decodes images to find the bad ones.
  ///
  /// To know them before the work begins keeps everything after it simple: batches are full, shards agree on what there
  /// is, and results of an interrupted run fit those of the next.
  /// - Parameters:
  ///   - indices: The images meant.
  ///   - limit: Number of bad images after which the search stops.
  ///   - pool: Threads that decode.
  ///   - onImages: Called now and then with the number of images decoded since.
  /// - Returns: The first bad images by their place in `indices`, at most `limit`.
  /// - Throws: Errors of reading, which are no fault of an image.
  public func badImages(
    among indices: [Int], limit: Int, pool: ThreadPool, onImages: (Int) -> Void = { _ in }
  ) throws -> [BadImage] {
    var bad: [BadImage] = []
    for start in stride(from: 0, to: indices.count, by: 256) {
      let block = indices[start..<min(start + 256, indices.count)]
      var errors = [ImageDataError?](repeating: nil, count: block.count)
      try errors.withUnsafeMutableBufferPointer { errors in
        // Each thread writes the places of its own images.
        nonisolated(unsafe) let errors = errors
        try pool.forEach(block.count) { place, _ in
          do {
            try check(block[start + place])
          } catch let error as ImageDataError where error.kind != .io {
            errors[place] = error
          }
        }
      }
      for (place, error) in errors.enumerated() where bad.count < limit {
        if let error { bad.append((start + place, error)) }
      }
      onImages(block.count)
      if bad.count >= limit { break }
    }
    return bad
  }
}
