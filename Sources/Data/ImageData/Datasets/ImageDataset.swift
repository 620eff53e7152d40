/// Images that can be read in any order, from any thread.
public protocol ImageDataset: Sendable {
  /// The data set as the user named it.
  var name: String { get }
  /// Number of images.
  var count: Int { get }
  /// Names of the classes in the order of the labels, or nil if they have none: the images are then
  /// unlabelled or their labels plain numbers.
  var classNames: [String]? { get }
  /// Class of an image, or nil if it is unlabelled.
  func label(_ index: Int) -> Int?
  /// Reads and decodes an image.
  /// - Throws: `ImageDataError`.
  func image(_ index: Int) throws -> RGBImage
  /// Name of an image for diagnostics, such as its path.
  func itemName(_ index: Int) -> String
}

extension ImageDataset {
  /// Checks that a classifier of `classCount` classes knows every label.
  ///
  /// Named classes must be as many as the classifier has, because a class more or less shifts all labels
  /// after it; numbered ones must be below.
  /// - Parameters:
  ///   - classCount: Number of the classifier's outputs.
  ///   - classifier: What errors call it.
  /// - Throws: `classCountMismatch` or `labelOutOfRange`, which say both numbers.
  public func checkLabels(classCount: Int, classifier: String) throws(ImageDataError) {
    if let classNames {
      guard classNames.count == classCount else {
        throw .classCountMismatch(
          path: name, found: classNames.count, classifier: classifier, expected: classCount)
      }
      return
    }
    for index in 0..<count {
      if let label = label(index), label >= classCount {
        throw .labelOutOfRange(
          item: itemName(index), label: label, classifier: classifier, classCount: classCount)
      }
    }
  }
}
