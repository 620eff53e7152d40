import Platform

/// Outputs of a classifier that the classes of a data set stand for, as in ImageNet-A and ImageNet-R, whose classes are
/// some of ImageNet's.
///
/// The file has one output index per line: class i of the data set is output number i of the list (timm's
/// `validate.py --valid-labels`).
public struct ClassSubset: Sendable, Equatable {
  /// Indices of the outputs, in the order of the data set's classes.
  public let outputs: [Int]
  /// The file's name.
  public let path: String

  /// - Parameters:
  ///   - path: the file.
  ///   - classCount: number of the classifier's outputs.
  /// - Throws: errors of reading; `ImageDataError.badDataset` for a line that is no index of an output, or one that
  ///   comes twice.
  public init(path: String, classCount: Int) throws(ImageDataError) {
    var lines = try readFile(Array(path.utf8)).split(
      separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false
    ).map { display(Array(trimming(Array($0)))) }
    while lines.last?.isEmpty == true { lines.removeLast() }
    var outputs: [Int] = []
    var lineOfOutput: [Int: Int] = [:]
    for (index, line) in lines.enumerated() {
      guard let output = Int(line), (0..<classCount).contains(output) else {
        throw .badDataset(
          path: path,
          reason: "line \(index + 1): expected a class from 0 to \(classCount - 1), found \"\(line)\"")
      }
      if let other = lineOfOutput.updateValue(index + 1, forKey: output) {
        throw .badDataset(
          path: path, reason: "line \(index + 1): class \(output) is on line \(other) already")
      }
      outputs.append(output)
    }
    guard !outputs.isEmpty else { throw .badDataset(path: path, reason: "expected one class per line") }
    self.outputs = outputs
    self.path = path
  }
}
