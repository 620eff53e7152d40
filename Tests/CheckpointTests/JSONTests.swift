import Testing

@testable import Checkpoint

@Suite struct JSONTests {
  func parse(_ text: String) throws -> JSON { try JSON.parse(Array(text.utf8)) }

  @Test func keepsOrderAndSpelling() throws {
    let text = #"{"b":[1,-0.50,1e3,null,true,false],"a":{"x":"é\n"},"":{}}"#
    #expect(try parse(text).encoded() == text)
    #expect(try parse(" { \"a\" :\t[ 1 , 2 ]\r\n} ").encoded() == #"{"a":[1,2]}"#)
  }

  @Test func accessorsReturnNilForOtherTypes() throws {
    let value = try parse(#"{"i":7,"f":7.5,"e":1e3,"s":"t","b":true,"a":[1],"big":1e999}"#)
    #expect(value["i"]?.intValue == 7)
    #expect(value["e"]?.intValue == nil)
    #expect(value["e"]?.doubleValue == 1000)
    #expect(value["f"]?.doubleValue == 7.5)
    #expect(value["big"]?.doubleValue == nil)
    #expect(value["s"]?.stringValue == "t")
    #expect(value["b"] == .bool(true))
    #expect(value["a"]?.arrayValue?.count == 1)
    #expect(value["none"] == nil)
    #expect(JSON(0.1).encoded() == "0.1")
    #expect(JSON(Double.nan) == .null)
  }

  @Test func readsAndWritesEscapes() throws {
    #expect(
      try parse(#""\"\\\/\b\f\n\r\t\u0041\u00e9\ud83d\ude00""#).stringValue == "\"\\/\u{8}\u{c}\n\r\tAé😀")
    #expect(JSON.string("\u{0}\u{1f}\u{7f}\"\\/\n").encoded() == "\"\\u0000\\u001f\\u007f\\\"\\\\/\\n\"")
  }

  /// Composed and decomposed spellings are different keys, a repeated key is an error however it is spelled.
  @Test func keysAreBytes() throws {
    #expect(try parse("{\"\u{e9}\":1,\"e\u{301}\":2}").objectValue?.count == 2)
    #expect(throws: JSONError(offset: 7, reason: "key appears twice")) { try parse(#"{"t":1,"\u0074":2}"#) }
  }

  @Test(arguments: [
    "", " ", "[1,]", #"{"a":1,}"#, "01", "-", "1.", "1e", "+1", ".5", "NaN", "Infinity", "tru", "nulll",
    "[1 2]",
    #"{"a" 1}"#, "{1:2}", "\"a", #""\x""#, #""\u12"#, #""\u12g4""#, #""\ud800""#, #""\udc00""#,
    #""\ud800\u0041""#,
    "\"\n\"", "{} {}", "\u{feff}{}", "[", "{", #"{"a""#, "'a'", "//", "[1]]",
  ])
  func refuses(_ text: String) {
    #expect(throws: JSONError.self) { try parse(text) }
  }

  @Test(
    arguments: [
      [0xC0, 0x80], [0xE0, 0x80, 0x80], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80], [0xFF], [0xC3],
    ] as [[UInt8]])
  func refusesInvalidUTF8(_ bytes: [UInt8]) {
    #expect(throws: JSONError(offset: 1, reason: "text is not UTF-8")) {
      try JSON.parse([0x22] + bytes + [0x22])
    }
  }

  @Test func whatSteersATerminalIsEscapedInReportsAndNotInHeaders() throws {
    let text = "a\u{7f}b\u{9b}c\u{202e}d\u{2066}e\u{200f}f\u{2028}g\u{e0001}h\u{e9}i\u{1b}"
    let encoded = JSON.object([(text, .string(text))]).encoded()
    let expected = #""a\u007fb\u009bc\u202ed\u2066e\u200ff\u2028g\udb40\udc01h"# + "\u{e9}" + #"i\u001b""#
    #expect(encoded == "{\(expected):\(expected)}")
    #expect(try parse(encoded)[text]?.stringValue == text)
    // Headers have the reference writer's bytes.
    let header = SafetensorsHeader.encode([], metadata: Metadata([text: text]))
    #expect(String(decoding: header, as: UTF8.self).contains("a\u{7f}b\u{9b}c\u{202e}d"))
  }

  @Test func depthIsLimited() throws {
    func nested(_ depth: Int) -> String {
      String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }
    _ = try parse(nested(128))
    #expect(throws: JSONError(offset: 128, reason: "more than 128 levels deep")) { try parse(nested(129)) }
    #expect(throws: JSONError.self) { try parse(nested(100_000)) }
  }
}
