import Checkpoint
import ImageData
import Platform

/// Images that two data sets have in common, by their files: copies of a file under another name are not found.
struct SharedImages {
  /// Number of images of the first set that are in the second.
  let count: Int
  /// Number and names in words.
  let text: String

  /// - Parameters:
  ///   - first: A data set.
  ///   - firstArgument: The argument that names it.
  ///   - second: Another data set.
  ///   - secondArgument: The argument that names that.
  init(
    of first: any ImageDataset, _ firstArgument: String, and second: any ImageDataset,
    _ secondArgument: String
  ) {
    let known = Set(Self.files(second, secondArgument))
    count = Self.files(first, firstArgument).count(where: known.contains)
    let images = count == 1 ? "1 image" : "\(count) images"
    text =
      "\(TensorName(firstArgument).escaped): \(images) of \(first.count) \(count == 1 ? "is" : "are") also in \(TensorName(secondArgument).escaped)"
  }

  /// Names of the images in which the folders, and the data set itself, go by their real paths. Names are bytes.
  private static func files(_ dataset: any ImageDataset, _ argument: String) -> [[UInt8]] {
    let slash = UInt8(ascii: "/")
    var folders: [ArraySlice<UInt8>: [UInt8]] = [:]
    func real(_ path: ArraySlice<UInt8>) -> [UInt8] {
      if let known = folders[path] { return known }
      var result = Array(path)
      if let resolved = realpath(String(decoding: path, as: UTF8.self), nil) {
        result = String(cString: resolved).utf8.map { $0 }
        free(resolved)
      }
      folders[path] = result
      return result
    }
    let own = Array(argument.utf8)
    return (0..<dataset.count).map { index in
      let name = Array(dataset.itemName(index).utf8)
      if name.starts(with: own), name.count > own.count, name[own.count] != slash {
        return real(own[...]) + name[own.count...]
      }
      guard let end = name.lastIndex(of: slash) else { return real(own[...]) + [0] + name }
      return real(name[..<end]) + name[end...]
    }
  }
}
