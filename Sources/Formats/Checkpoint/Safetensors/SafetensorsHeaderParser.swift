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
