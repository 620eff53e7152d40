import Platform

/// File in which a tool keeps intermediate results: tensors, and a JSON object in the metadata that describes them.
///
/// A state may come from anywhere, so nothing in it is believed: shapes are compared before a tensor is read, and
/// numbers are checked before they are used. The caller's error says what is wrong, as in
/// `tensor "rank": expected I32 [4, 10], found I32 [4, 9]`.
///
/// ```swift
/// let state = try StateFile(source, key: MetadataKey.sweepPart) { SweepError.badPart(source.label, $0) }
/// let counts = try state.counts("count", [settings], 0...images)
/// let losses = try state.doubles("loss", .f64, [settings, width]) { $0 >= 0 }
/// ```
package struct StateFile {
  /// The open file.
  package let source: any CheckpointSource
  /// The JSON object in the metadata.
  package let header: JSON
  private let fail: (String) -> any Error

  /// - Parameters:
  ///   - source: The open file.
  ///   - key: Metadata key of the description.
  ///   - fail: The error for a file with the given fault.
  package init(_ source: any CheckpointSource, key: String, fail: @escaping (String) -> any Error) throws {
    self.source = source
    self.fail = fail
    guard let text = source.metadata[key] else { throw fail("no \"\(key)\" in its metadata") }
    guard let header = try? JSON.parse(Array(text.utf8)), case .object = header else {
      throw fail("its \"\(key)\" is damaged")
    }
    self.header = header
  }

  /// The tensor called `name`.
  /// - Parameter shape: Its shape; nil for a vector of any length.
  /// - Throws: The caller's error where it is missing or has another type or shape; errors of reading.
  package func value(_ name: TensorName, _ dtype: DType, _ shape: [Int]?) throws -> TensorValue {
    guard let spec = source.spec(name) else { throw fail("no tensor \"\(name.escaped)\"") }
    guard spec.dtype == dtype, shape.map({ spec.shape == $0 }) ?? (spec.shape.count == 1) else {
      let expected = "\(dtype.name) \(shape.map { "\($0)" } ?? "[n]")"
      throw fail("tensor \"\(name.escaped)\": expected \(expected), found \(spec.layout)")
    }
    return try source.value(name)
  }

  /// The numbers of a floating-point or integer tensor.
  /// - Parameter isValid: True for the numbers that are possible; infinities and NaN never are.
  /// - Throws: As `value`, and the caller's error for the first impossible number.
  package func doubles(
    _ name: TensorName, _ dtype: DType, _ shape: [Int]?, where isValid: (Double) -> Bool = { _ in true }
  ) throws -> [Double] {
    let values = try value(name, dtype, shape).doubles()
    if let wrong = values.firstIndex(where: { !$0.isFinite || !isValid($0) }) {
      throw impossible(name, values[wrong])
    }
    return values
  }

  /// The numbers of an int64 tensor, all of them in `range`.
  /// - Throws: As `value`, and the caller's error for the first number outside.
  package func counts(_ name: TensorName, _ shape: [Int], _ range: ClosedRange<Int64>) throws -> [Int] {
    let values = try value(name, .i64, shape).int64s
    if let wrong = values.firstIndex(where: { !range.contains($0) }) {
      throw impossible(name, values[wrong])
    }
    return values.map(Int.init)
  }

  private func impossible(_ name: TensorName, _ value: some CustomStringConvertible) -> any Error {
    fail("tensor \"\(name.escaped)\" holds the impossible \(value)")
  }
}
