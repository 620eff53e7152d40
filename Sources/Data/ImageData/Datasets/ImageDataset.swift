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

  /// Checks that every image has a label and a classifier of `classCount` classes knows it.
  ///
  /// Named classes must be as many as the classifier has, because a class more or less shifts all labels
  /// after it; numbered ones must be below.
  /// - Parameters:
  ///   - classCount: Number of the classifier's outputs.
  ///   - classifier: What errors call it.
  /// - Throws: `classCountMismatch` or `labelOutOfRange`, which say both numbers; `unlabelled`.
  public func checkLabels(classCount: Int, classifier: String) throws(ImageDataError) {
    if let classNames, classNames.count != classCount {
      throw .classCountMismatch(
        path: name, found: classNames.count, classifier: classifier, expected: classCount,
        hidden: classNames.filter { $0.utf8.first == UInt8(ascii: ".") })
    }
    for index in 0..<count {
      let label = try requiredLabel(index)
      if label >= classCount {
        throw .labelOutOfRange(
          item: itemName(index), label: label, classifier: classifier, classCount: classCount)
      }
    }
  }
}
