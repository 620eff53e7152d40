import Checkpoint
import Foundation

/// An object as Python pickles it, protocol 4: for files that training programs write and tests make by hand.
package indirect enum PickleValue {
  case none
  case bool(Bool)
  case int(Int)
  case text(String)
  case list([PickleValue])
  case tuple([PickleValue])
  case dictionary([(PickleValue, PickleValue)])
  /// A class or function.
  case global(String, String)
  /// A call of a function.
  case call(PickleValue, [PickleValue])
  /// An instance of a class, with its state if it has one.
  case instance(PickleValue, state: PickleValue?)
  case persistent(PickleValue)
  /// An object that gets the next number of the memo.
  case memoized(PickleValue)
  /// The object with this number.
  case memo(UInt8)

  /// A dictionary with texts as keys.
  package static func members(_ members: [(String, PickleValue)]) -> Self {
    .dictionary(members.map { (.text($0.0), $0.1) })
  }

  /// `torch.Size(…)`.
  package static func size(_ sizes: [Int]) -> Self {
    .call(.global("torch", "Size"), [.tuple(sizes.map { .int($0) })])
  }

  /// The whole pickle, in one frame and with a memo entry for the object, as Python writes them.
  package var pickle: [UInt8] {
    var body: [UInt8] = []
    encode(into: &body)
    body += [0x94, UInt8(ascii: ".")]
    return [0x80, 4, 0x95] + Self.bytes(body.count, 8) + body
  }

  private static func bytes(_ value: Int, _ count: Int) -> [UInt8] {
    (0..<count).map { UInt8(truncatingIfNeeded: value >> (8 * $0)) }
  }

  private func encode(into bytes: inout [UInt8]) {
    switch self {
    case .none: bytes.append(UInt8(ascii: "N"))
    case .bool(let value): bytes.append(value ? 0x88 : 0x89)
    case .int(let value):
      if (0...255).contains(value) {
        bytes += [UInt8(ascii: "K"), UInt8(value)]
      } else if let small = Int32(exactly: value) {
        bytes += [UInt8(ascii: "J")] + Self.bytes(Int(small), 4)
      } else {
        bytes += [0x8A, 8] + Self.bytes(value, 8)
      }
    case .text(let text):
      bytes += [UInt8(ascii: "X")] + Self.bytes(text.utf8.count, 4) + Array(text.utf8)
    case .list(let items):
      bytes += Array("](".utf8)
      for item in items { item.encode(into: &bytes) }
      bytes.append(UInt8(ascii: "e"))
    case .tuple(let items):
      bytes.append(UInt8(ascii: "("))
      for item in items { item.encode(into: &bytes) }
      bytes.append(UInt8(ascii: "t"))
    case .dictionary(let members):
      bytes += Array("}(".utf8)
      for (key, value) in members {
        key.encode(into: &bytes)
        value.encode(into: &bytes)
      }
      bytes.append(UInt8(ascii: "u"))
    case .global(let module, let name):
      Self.text(module).encode(into: &bytes)
      Self.text(name).encode(into: &bytes)
      bytes.append(0x93)
    case .call(let function, let arguments):
      function.encode(into: &bytes)
      Self.tuple(arguments).encode(into: &bytes)
      bytes.append(UInt8(ascii: "R"))
    case .instance(let type, let state):
      type.encode(into: &bytes)
      bytes += [UInt8(ascii: ")"), 0x81]
      guard let state else { break }
      state.encode(into: &bytes)
      bytes.append(UInt8(ascii: "b"))
    case .memoized(let value):
      value.encode(into: &bytes)
      bytes.append(0x94)
    case .memo(let number): bytes += [UInt8(ascii: "h"), number]
    case .persistent(let identifier):
      identifier.encode(into: &bytes)
      bytes.append(UInt8(ascii: "Q"))
    }
  }
}
