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

extension SafetensorsHeader {
  /// The order in which the reference writer stores tensors: by descending element type, then by name.
  static func canonicalOrder(_ tensors: [TensorSpec]) -> [TensorSpec] {
    tensors.sorted { a, b in
      a.dtype == b.dtype ? a.name < b.name : a.dtype.rawValue > b.dtype.rawValue
    }
  }

  /// Length field and header for tensors stored in this order; padded with spaces, so that the data begin at a multiple
  /// of `alignment` bytes.
  static func encode(_ tensors: [TensorSpec], metadata: Metadata, alignment: Int = 8) -> [UInt8] {
    var json: [UInt8] = [UInt8(ascii: "{")]
    if !metadata.isEmpty {
      json += "\"__metadata__\":".utf8
      JSON.object(metadata.sortedEntries.map { ($0.key, .string($0.value)) }).append(
        to: &json, isShown: false)
    }
    var offset = 0
    for tensor in tensors {
      if json.count > 1 { json.append(UInt8(ascii: ",")) }
      appendJSONString(tensor.name.string, to: &json)
      let end = offset + tensor.byteCount
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      json += #":{"dtype":"\#(tensor.dtype)","shape":[\#(shape)],"data_offsets":[\#(offset),\#(end)]}"#.utf8
      offset = end
    }
    json.append(UInt8(ascii: "}"))
    let excess = (8 + json.count) % alignment
    json += repeatElement(UInt8(ascii: " "), count: (alignment - excess) % alignment)
    return littleEndianBytes(UInt64(json.count)) + json
  }
}

/// Length field and header of a safetensors file whose data begin at a multiple of `alignment` bytes, so that they can be
/// computed and read in place.
///
/// - Parameters:
///   - tensors: The tensors in the order of their data.
///   - metadata: The file's metadata.
///   - alignment: A multiple of 8.
package func safetensorsHeader(_ tensors: [TensorSpec], metadata: Metadata, alignment: Int) -> [UInt8] {
  precondition(alignment > 0 && alignment.isMultiple(of: 8))
  return SafetensorsHeader.encode(tensors, metadata: metadata, alignment: alignment)
}

func littleEndianBytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}

/// Scans the JSON of a safetensors header.
struct SafetensorsHeaderParser {
  private var scanner: JSONScanner
  private var entries: [SafetensorsHeader.Entry] = []
  private var metadata: Metadata?
  private var dimensions = 0

  init(_ json: [UInt8]) { scanner = JSONScanner(json) }

  var sawUppercaseEscape: Bool { scanner.sawUppercaseEscape }

  mutating func parse() throws -> ([SafetensorsHeader.Entry], Metadata) {
    if try scanner.enterObject() {
      repeat {
        scanner.skipWhitespace()
        let start = scanner.position
        let key = try scanner.key()
        if key.utf8.elementsEqual("__metadata__".utf8) {
          guard metadata == nil else { throw scanner.fail("__metadata__ appears twice", at: start) }
          metadata = try parseMetadata()
        } else {
          guard entries.count < SafetensorsHeader.tensorLimit else {
            throw SafetensorsFault.tooMany("tensors", limit: SafetensorsHeader.tensorLimit)
          }
          entries.append(try parseEntry(TensorName(key)))
        }
      } while try scanner.continues(until: "}")
    }
    try scanner.expectEnd()
    return (entries, metadata ?? Metadata())
  }

  private mutating func parseMetadata() throws -> Metadata {
    var result = Metadata()
    if try scanner.peek() == UInt8(ascii: "n") {
      try scanner.literal("null")
      return result
    }
    guard try scanner.enterObject() else { return result }
    repeat {
      scanner.skipWhitespace()
      let start = scanner.position
      let key = try scanner.key()
      guard result[key] == nil else { throw scanner.fail("metadata key appears twice", at: start) }
      guard try scanner.peek() == UInt8(ascii: "\"") else {
        throw scanner.fail("metadata values must be texts")
      }
      result[key] = try scanner.string()
    } while try scanner.continues(until: "}")
    return result
  }

  private mutating func parseEntry(_ name: TensorName) throws -> SafetensorsHeader.Entry {
    _ = try scanner.peek()
    let start = scanner.position
    var dtype: DType?
    var shape: [Int]?
    var offsets: [Int]?
    if try scanner.enterObject() {
      repeat {
        scanner.skipWhitespace()
        let fieldStart = scanner.position
        let field = try scanner.key()
        var repeated = false
        switch field {
        case "dtype":
          repeated = dtype != nil
          dtype = try parseDType()
        case "shape":
          repeated = shape != nil
          shape = try parseIntegers()
        case "data_offsets":
          repeated = offsets != nil
          offsets = try parseIntegers()
        default:
          // The reference reader ignores what it does not know, so that the format can grow.
          _ = try scanner.value(depth: 2)
        }
        if repeated { throw scanner.fail("\(field) appears twice", at: fieldStart) }
      } while try scanner.continues(until: "}")
    }
    guard let dtype, let shape, let offsets else {
      throw scanner.fail("tensor \"\(name)\" lacks dtype, shape or data_offsets", at: start)
    }
    guard offsets.count == 2 else {
      throw scanner.fail("tensor \"\(name)\": data_offsets needs 2 numbers", at: start)
    }
    return .init(spec: .init(name: name, dtype: dtype, shape: shape), begin: offsets[0], end: offsets[1])
  }

  private mutating func parseDType() throws -> DType {
    _ = try scanner.peek()
    let start = scanner.position
    let name = try scanner.string()
    guard let dtype = DType(name: name) else {
      throw scanner.fail("unknown dtype \"\(escapedForDiagnostics(String(name.prefix(40))))\"", at: start)
    }
    return dtype
  }

  private mutating func parseIntegers() throws -> [Int] {
    guard try scanner.enterArray() else { return [] }
    var values: [Int] = []
    repeat {
      dimensions += 1
      guard dimensions <= SafetensorsHeader.dimensionLimit else {
        throw SafetensorsFault.tooMany("dimensions and offsets", limit: SafetensorsHeader.dimensionLimit)
      }
      values.append(try scanner.unsignedInteger())
    } while try scanner.continues(until: "]")
    return values
  }
}

/// The ways in which a safetensors file can be malformed.
///
/// The order is that of the reference reader's checks; duplicates are refused in addition, because the
/// specification forbids them and readers that keep different ones would see different tensors.
public enum SafetensorsFault: Error, Sendable, Equatable {
  /// Fewer than 8 bytes.
  case headerTooSmall(fileBytes: Int)
  /// The header length is beyond 100,000,000 bytes.
  case headerTooLarge(UInt64)
  /// The header would end after the file.
  case headerPastEnd(headerBytes: Int, fileBytes: Int)
  /// The header is not the JSON it should be; the offset counts from the start of the file.
  case invalidJSON(offset: Int, reason: String)
  /// More tensors or dimensions than any model has.
  case tooMany(String, limit: Int)
  /// Two entries with the same name.
  case duplicateTensor(TensorName)
  /// A tensor does not start where its predecessor ends, or ends before it starts.
  case invalidOffset(TensorName, expected: Int, found: [Int])
  /// The product of the shape overflows.
  case shapeOverflow(TensorName, [Int])
  /// Sub-byte elements that do not fill whole bytes.
  case misaligned(TensorName, String)
  /// The data range does not have the size of the shape.
  case sizeMismatch(TensorName, expected: Int, found: Int)
  /// The tensors do not fill the file exactly.
  case incompleteBuffer(expected: Int, found: Int)
}

extension SafetensorsFault: CustomStringConvertible {
  /// One line.
  public var description: String {
    switch self {
    case .headerTooSmall(let bytes):
      "not a checkpoint: \(bytes) bytes are too few for a safetensors header"
    case .headerTooLarge(let length):
      "not a checkpoint, or damaged: header length \(length) exceeds 100000000"
    case .headerPastEnd(let header, let file):
      "truncated: header needs \(header) bytes, the file has \(file)"
    case .invalidJSON(let offset, let reason): "header: byte \(offset): \(reason)"
    case .tooMany(let what, let limit): "header: more than \(limit) \(what)"
    case .duplicateTensor(let name): "header: tensor \"\(name)\" appears twice"
    case .invalidOffset(let name, let expected, let found):
      "tensor \"\(name)\": expected data to start at \(expected), found data_offsets \(found)"
    case .shapeOverflow(let name, let shape): "tensor \"\(name)\": shape \(shape) overflows"
    case .misaligned(let name, let layout): "tensor \"\(name)\": \(layout) does not fill whole bytes"
    case .sizeMismatch(let name, let expected, let found):
      "tensor \"\(name)\": expected \(expected) bytes of data, found \(found)"
    case .incompleteBuffer(let expected, let found):
      found < expected
        ? "truncated: expected \(expected) bytes, found \(found)"
        : "expected \(expected) bytes, found \(found): extra bytes after the tensors"
    }
  }
}
