/// The parsed header of a safetensors file.
///
/// Source: the format description and the reference reader of safetensors 0.8 (`SafeTensors::read_metadata` and
/// `Metadata::validate`). Stricter where the description forbids what that reader accepts: duplicate names and
/// duplicate metadata keys, also when one is spelled with escapes.
struct SafetensorsHeader: Sendable, Equatable {
  static let lengthLimit = 100_000_000
  static let tensorLimit = 1 << 20
  static let dimensionLimit = 1 << 22

  struct Entry: Sendable, Equatable {
    var spec: TensorSpec
    /// Range of the data, from the end of the header.
    var begin: Int
    var end: Int
  }

  /// By ascending position of the data.
  private(set) var entries: [Entry]
  /// Places in `entries` by name.
  private(set) var indices: [TensorName: Int] = [:]
  var metadata: Metadata
  /// Bytes before the data: the length field and the header.
  var dataStart: Int
  /// True if an escape is spelled in a way that the reference writer does not use.
  var hasForeignEscapes: Bool

  /// Bytes of the whole file.
  var fileLength: Int { dataStart + (entries.last?.end ?? 0) }

  /// Length of the header that the first 8 bytes announce.
  static func length(_ prefix: [UInt8]) throws(SafetensorsFault) -> Int {
    guard prefix.count >= 8 else { throw .headerTooSmall(fileBytes: prefix.count) }
    let length = prefix[..<8].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
    guard length <= UInt64(lengthLimit) else { throw .headerTooLarge(length) }
    return Int(length)
  }

  /// Parses and validates everything that does not depend on the length of the file.
  init(parsing json: [UInt8]) throws(SafetensorsFault) {
    dataStart = 8 + json.count
    var parser = SafetensorsHeaderParser(json)
    do {
      (entries, metadata) = try parser.parse()
      hasForeignEscapes = parser.sawUppercaseEscape
    } catch let error as JSONError {
      throw .invalidJSON(offset: 8 + error.offset, reason: error.reason)
    } catch let fault as SafetensorsFault {
      throw fault
    } catch {
      preconditionFailure("unexpected error \(error)")
    }
    try validate()
  }

  func checkFileLength(_ length: Int) throws(SafetensorsFault) {
    guard length == fileLength else { throw .incompleteBuffer(expected: fileLength, found: length) }
  }

  private mutating func validate() throws(SafetensorsFault) {
    // Empty tensors share their position with a neighbor; the end distinguishes them.
    entries.sort { ($0.begin, $0.end) < ($1.begin, $1.end) }
    indices.reserveCapacity(entries.count)
    for index in entries.indices {
      let name = entries[index].spec.name
      guard indices.updateValue(index, forKey: name) == nil else { throw .duplicateTensor(name) }
    }
    var expected = 0
    for entry in entries {
      let spec = entry.spec
      guard entry.begin == expected, entry.end >= entry.begin else {
        throw .invalidOffset(spec.name, expected: expected, found: [entry.begin, entry.end])
      }
      guard let bits = checkedBitCount(spec.dtype, spec.shape) else {
        throw .shapeOverflow(spec.name, spec.shape)
      }
      guard bits % 8 == 0 else { throw .misaligned(spec.name, spec.layout) }
      guard bits / 8 == entry.end - entry.begin else {
        throw .sizeMismatch(spec.name, expected: bits / 8, found: entry.end - entry.begin)
      }
      expected = entry.end
    }
    guard expected <= Int.max - dataStart else {
      throw .incompleteBuffer(expected: expected, found: dataStart)
    }
  }
}
