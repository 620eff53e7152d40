import Checkpoint
import Platform

/// Reassessed labels of ImageNet's validation images, each of which may show several classes or none.
///
/// Beyer et al. 2020, "Are we done with ImageNet?": the file `real.json` holds one list of classes for each image, in
/// the order of the numbers in the images' names, `ILSVRC2012_val_00000001.JPEG` first.
///
/// ```swift
/// let real = try RealLabels(path: "real.json")
/// if let classes = try real.classes(of: "val/n01440764/ILSVRC2012_val_00000293.JPEG") { print(classes) }
/// ```
public struct RealLabels: Sendable {
  private let path: String
  private let lists: [Set<Int>]

  /// - Throws: errors of reading; `ImageDataError.badDataset` for a file that is no list of lists of classes.
  public init(path: String) throws(ImageDataError) {
    let parsed: JSON?
    do { parsed = try JSON.parse(try readFile(Array(path.utf8))) } catch let error as ImageDataError {
      throw error
    } catch { parsed = nil }
    var lists: [Set<Int>] = []
    for (index, entry) in (parsed?.arrayValue ?? []).enumerated() {
      let classes = entry.arrayValue?.map { $0.intValue ?? -1 }
      guard let classes, classes.allSatisfy({ $0 >= 0 }) else {
        throw .badDataset(path: path, reason: "expected a list of classes at index \(index)")
      }
      lists.append(Set(classes))
    }
    guard !lists.isEmpty else {
      throw .badDataset(path: path, reason: "expected a JSON array with a list of classes for each image")
    }
    self.path = path
    self.lists = lists
  }

  /// The classes that an image shows; nil if it shows none of the data set's, so that it counts for nothing.
  ///
  /// - Parameter item: name of the image, whose last component holds its number.
  /// - Throws: `ImageDataError.badDataset` for a name without a number, or one beyond the file's lists.
  public func classes(of item: String) throws(ImageDataError) -> Set<Int>? {
    guard let match = item.firstMatch(of: /ILSVRC2012_val_([0-9]{8})(\.[^\/]*)?$/), let number = Int(match.1),
      number >= 1
    else {
      throw .badDataset(
        path: path,
        reason:
          "expected an image named as ILSVRC2012_val_00000001.JPEG, found \"\(display(Array(item.utf8)))\"")
    }
    guard number <= lists.count else {
      throw .badDataset(
        path: path, reason: "no entry for image \(number): the file has \(lists.count)")
    }
    let classes = lists[number - 1]
    return classes.isEmpty ? nil : classes
  }
}
