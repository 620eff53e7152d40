import Foundation
import TestSupport
import Testing

@testable import Checkpoint

/// Files that are not what the format allows, one test per way, with the fault reported.
@Suite struct SafetensorsHostileTests {
  @Test func headerLengths() throws {
    #expect(try fault(Array(repeating: 0, count: 7)) == .headerTooSmall(fileBytes: 7))
    #expect(try fault([]) == .headerTooSmall(fileBytes: 0))
    #expect(try fault(littleEndianBytes(UInt64(1) << 63) + [0x7B]) == .headerTooLarge(1 << 63))
    #expect(try fault(littleEndianBytes(UInt64(100_000_001)) + [0x7B]) == .headerTooLarge(100_000_001))
    #expect(
      try fault(littleEndianBytes(UInt64(100_000_000)) + [0x7B])
        == .headerPastEnd(headerBytes: 100_000_000, fileBytes: 1))
    #expect(try fault(littleEndianBytes(UInt64(0))) == .invalidJSON(offset: 8, reason: "ends early"))
    #expect(try fault(safetensors("{}")) == nil)
  }

  @Test(
    arguments: [
      Array("\u{feff}{}".utf8),  // byte order mark
      [0x7B, 0x00, 0x7D, 0x00],  // UTF-16
      Array("{}\0\0".utf8),  // padded with NUL
      Array(#"{"a":{"dtype":"U8","shape":[],"data_offsets":[0,1]}"#.utf8),  // cut off
      Array(#"{"\ud800":{"dtype":"U8","shape":[0],"data_offsets":[0,0]}}"#.utf8),  // lone surrogate
      [0x7B, 0x22, 0xC0, 0xAE, 0x22, 0x3A, 0x7B, 0x7D, 0x7D],  // overlong UTF-8
    ] as [[UInt8]])
  func headerIsNotJSON(_ header: [UInt8]) throws {
    guard case .invalidJSON? = try fault(safetensors(header)) else {
      Issue.record("accepted")
      return
    }
  }

  /// The reference reader allows whitespace around the header, so that writers can align the data.
  @Test func whitespaceAroundTheHeader() throws {
    #expect(try fault(safetensors("  {} \t\r\n")) == nil)
  }

  /// Lengths that begin as the two bytes of every pickle do, or as a zip archive.
  @Test(arguments: [0x0380, 0x10280, 0x0203_0480, 0x0403_4B50] as [UInt64])
  func lengthsThatLookLikeAnotherFormat(_ length: UInt64) {
    #expect(FileFormat(prefix: littleEndianBytes(length) + Array("{\"a\":{}}".utf8)) == .safetensors)
  }

  @Test(
    arguments: [
      [0x80, 2, 0x7D, 0x71, 0, 0x58, 1, 0, 0],
      [0x80, 4, 0x95, 0x40, 0, 0, 0, 0, 0, 0, 0, 0x7D],
      [0x80, 2, 0x8A, 10, 0x6C, 0xFC, 0x9C, 0x46, 0xF9],
      [0x80, 2, 0x2E],
    ] as [[UInt8]])
  func pickles(_ prefix: [UInt8]) {
    #expect(FileFormat(prefix: prefix) == .torchLegacy)
  }

  @Test func duplicateNames() throws {
    func twice(_ a: String, _ b: String) throws -> SafetensorsFault? {
      try fault(
        safetensors(
          #"{"\#(a)":{"dtype":"U8","shape":[1],"data_offsets":[0,1]},"\#(b)":{"dtype":"U8","shape":[1],"data_offsets":[1,2]}}"#,
          data: [1, 2]))
    }
    #expect(try twice("t", "t") == .duplicateTensor("t"))
    #expect(try twice("t", #"\u0074"#) == .duplicateTensor("t"))
    #expect(try twice("\u{e9}", "e\u{301}") == nil)
  }

  func entry(_ name: String, _ begin: String, _ end: String, dtype: String = "U8", shape: String = "1")
    -> String
  {
    #""\#(name)":{"dtype":"\#(dtype)","shape":[\#(shape)],"data_offsets":[\#(begin),\#(end)]}"#
  }

  func faultOf(_ entries: String..., data: Int) throws -> SafetensorsFault? {
    try fault(
      safetensors("{\(entries.joined(separator: ","))}", data: Array(repeating: 7, count: data)))
  }

  @Test func rejectsGapsAndOverlapsBetweenTensors() throws {
    #expect(try faultOf(entry("a", "0", "1"), entry("b", "1", "2"), data: 2) == nil)
    #expect(try faultOf(entry("b", "1", "2"), entry("a", "0", "1"), data: 2) == nil)
    #expect(
      try faultOf(entry("a", "0", "1"), entry("b", "2", "3"), data: 3)
        == .invalidOffset("b", expected: 1, found: [2, 3]))
    #expect(
      try faultOf(entry("a", "0", "2", shape: "2"), entry("b", "1", "2"), data: 2)
        == .invalidOffset("b", expected: 2, found: [1, 2]))
    #expect(try faultOf(entry("a", "1", "0"), data: 1) == .invalidOffset("a", expected: 0, found: [1, 0]))
    #expect(try faultOf(entry("a", "1", "2"), data: 2) == .invalidOffset("a", expected: 0, found: [1, 2]))
    #expect(try faultOf(entry("a", "0", "2"), data: 2) == .sizeMismatch("a", expected: 1, found: 2))
  }

  @Test func fileLength() throws {
    let length = 8 + entry("a", "0", "1").utf8.count + 2
    #expect(
      try faultOf(entry("a", "0", "1"), data: 2)
        == .incompleteBuffer(expected: length + 1, found: length + 2))
    #expect(
      try faultOf(entry("a", "0", "1"), data: 0) == .incompleteBuffer(expected: length + 1, found: length))
  }

  @Test func emptyTensors() throws {
    #expect(
      try faultOf(
        entry("a", "0", "1"), entry("z", "1", "1", shape: "0,5"), entry("y", "0", "0", shape: "0"), data: 1)
        == nil)
    #expect(
      try faultOf(entry("a", "0", "1"), entry("z", "5", "5", shape: "0"), data: 1)
        == .invalidOffset("z", expected: 1, found: [5, 5]))
  }

  /// Refused in every order of the dimensions: whoever multiplies them may do so in another order.
  @Test func shapesThatOverflow() throws {
    let huge = Int.max
    for shape in [[huge, huge], [0, huge, huge], [huge, huge, 0], [huge, 1]] {
      let text = shape.map(String.init).joined(separator: ",")
      #expect(try faultOf(entry("a", "0", "0", shape: text), data: 0) == .shapeOverflow("a", shape))
    }
    #expect(try faultOf(entry("a", "0", "0", shape: "0,1000000"), data: 0) == nil)
  }

  @Test(arguments: [
    "-1", "1.0", "1e0", "01", "18446744073709551616", "9223372036854775808", "null", "\"1\"", "[]", "+1",
    "-0",
  ])
  func numbersThatAreNone(_ number: String) throws {
    for text in [entry("a", "0", number), entry("a", number, "1"), entry("a", "0", "1", shape: number)] {
      guard case .invalidJSON? = try faultOf(text, data: 1) else {
        Issue.record("accepted \(text)")
        return
      }
    }
  }

  @Test func entriesThatLackSomething() throws {
    for text in [
      #""a":{}"#, #""a":[]"#, #""a":null"#, #""a":{"dtype":"U8","shape":[1]}"#,
      #""a":{"dtype":"U8","shape":[1],"data_offsets":[0,1,1]}"#,
      #""a":{"dtype":"U8","shape":[1],"data_offsets":[0]}"#,
      #""a":{"dtype":"U8","dtype":"U8","shape":[1],"data_offsets":[0,1]}"#,
      #""a":{"dtype":"F99","shape":[1],"data_offsets":[0,1]}"#,
      #""a":{"dtype":8,"shape":[1],"data_offsets":[0,1]}"#,
    ] {
      guard case .invalidJSON? = try faultOf(text, data: 1) else {
        Issue.record("accepted \(text)")
        return
      }
    }
  }

  @Test func unknownFieldsAreIgnored() throws {
    #expect(
      try faultOf(#""a":{"x":[{"y":null}],"dtype":"U8","shape":[1],"data_offsets":[0,1]}"#, data: 1) == nil)
  }

  @Test func metadataHoldsTextsOnly() throws {
    func metadata(_ json: String) throws -> Metadata {
      try open(safetensors(#"{"__metadata__":\#(json)}"#)).metadata
    }
    #expect(try metadata("null").isEmpty)
    #expect(try metadata("{}").isEmpty)
    #expect(try metadata(#"{"b":"1","a":"é\u0000"}"#) == Metadata(["a": "é\0", "b": "1"]))
    for json in [#"{"a":1}"#, #"{"a":null}"#, #"{"a":{}}"#, "[]", "1", #"{"a":"1","\u0061":"2"}"#] {
      #expect(throws: CheckpointError.self) { try metadata(json) }
    }
    guard case .invalidJSON? = try fault(safetensors(#"{"__metadata__":{},"__metadata__":{}}"#)) else {
      Issue.record("accepted")
      return
    }
    // A tensor of that name would be taken for metadata.
    #expect(throws: CheckpointError.self) {
      try metadata(#"{"dtype":"U8","shape":[0],"data_offsets":[0,0]}"#)
    }
  }

  @Test func deepHeaders() throws {
    let deep = String(repeating: "[", count: 100_000)
    guard case .invalidJSON(_, "more than 128 levels deep")? = try faultOf(#""a":{"x":\#(deep)}"#, data: 0)
    else {
      Issue.record("accepted")
      return
    }
  }

  @Test func tooManyTensors() throws {
    var header = "{"
    for index in 0...SafetensorsHeader.tensorLimit {
      header += "\(index == 0 ? "" : ",")\"\(index)\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}"
    }
    #expect(
      try fault(safetensors(header + "}")) == .tooMany("tensors", limit: SafetensorsHeader.tensorLimit))
  }

  @Test func tooManyDimensions() throws {
    let shape = String(repeating: "1,", count: SafetensorsHeader.dimensionLimit) + "1"
    #expect(
      try faultOf(entry("a", "0", "1", shape: shape), data: 1)
        == .tooMany("dimensions and offsets", limit: SafetensorsHeader.dimensionLimit))
    let rank1000 = Array(repeating: "1", count: 1000).joined(separator: ",")
    #expect(try faultOf(entry("a", "0", "1", shape: rank1000), data: 1) == nil)
  }

  @Test func subByteElements() throws {
    #expect(
      try faultOf(entry("a", "0", "2", dtype: "F4", shape: "3"), data: 2) == .misaligned("a", "F4 [3]"))
    #expect(try faultOf(entry("a", "0", "2", dtype: "F4", shape: "4"), data: 2) == nil)
    #expect(try faultOf(entry("a", "0", "3", dtype: "F6_E2M3", shape: "4"), data: 3) == nil)
    #expect(
      try faultOf(entry("a", "0", "3", dtype: "F6_E3M2", shape: "2,3"), data: 3)
        == .misaligned("a", "F6_E3M2 [2, 3]"))
  }

  /// Any name is legal; in diagnostics it stays on one line and cannot steer a terminal.
  @Test func hostileNames() throws {
    let header = #"{"\u001b[2J\n\"../x\u0000\u202e":{"dtype":"U8","shape":[1],"data_offsets":[0,1]}}"#
    let source = try open(safetensors(header, data: [9]))
    let name = source.tensors[0].name
    #expect(name.string == "\u{1b}[2J\n\"../x\0\u{202e}")
    #expect(name.escaped == #"\u{1b}[2J\n\"../x\u{0}\u{202e}"#)
    #expect(try source.value(name).bytes == [9])
    #expect(
      "\(CheckpointError.missingTensor(path: "a\nb", name))"
        == #"a\nb: tensor "\u{1b}[2J\n\"../x\u{0}\u{202e}": not in the checkpoint"#)
  }

  /// Cut anywhere, a file is an error.
  @Test func truncationAtEveryByte() throws {
    let whole = safetensors(
      "{\(entry("a", "0", "4", dtype: "F32")),\(entry("b", "4", "6", shape: "2"))}", data: [1, 2, 3, 4, 5, 6])
    #expect(try fault(whole) == nil)
    for length in 0..<whole.count { #expect(try fault(Array(whole[..<length])) != nil) }
  }

  /// Flipping a bit gives an error or a file of sane structure, never a crash.
  @Test func everyBitFlip() throws {
    let whole = safetensors(
      "{\"__metadata__\":{\"k\":\"v\"},\(entry("a", "0", "4", dtype: "F32")),\(entry("b", "4", "6", shape: "2"))}",
      data: [1, 2, 3, 4, 5, 6])
    try forEachBitFlip(whole) { path, _ in
      guard let values = try? readAll(path) else { return }
      #expect(values.values.reduce(0) { $0 + $1.bytes.count } == 6)
    }
  }
}
