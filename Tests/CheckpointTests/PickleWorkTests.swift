import Foundation
import TestSupport
import Testing

@testable import Checkpoint

/// Small pickles whose objects share their parts, so that walking along every path would never end.
@Suite struct PickleWorkTests {
  private let torch = TorchTests()

  private func reason(_ root: [UInt8]) throws -> String {
    let folder = try TemporaryFolder()
    let path = try folder.write(try torch.file(root, in: folder), to: "x")
    let error = try #require(throws: CheckpointError.self) { try openCheckpoint(.path(path)) }
    return "\(error)"
  }

  private static func object(_ state: [(String, [UInt8])]) -> [UInt8] {
    Array("cm\nM\n)".utf8) + [0x81] + Pickle.dictionary(state) + [0x62]
  }

  @Test func modulesThatDoubleAreRefused() throws {
    var module = Self.object([("_parameters", Pickle.dictionary([("w", Pickle.tensor())]))])
    for level in 0..<40 {
      module += [0x71, UInt8(100 + level)]
      module = Self.object([
        ("_parameters", Pickle.dictionary([])),
        ("_modules", Pickle.dictionary([("a", module), ("b", [0x68, UInt8(100 + level)])])),
      ])
    }
    let start = ContinuousClock.now
    #expect(try reason(module).contains("repeat each other without bound"))
    #expect(ContinuousClock.now - start < .seconds(5))
  }

  @Test func oneDictionaryUnderManyKeysIsRefused() throws {
    let tensors = Pickle.dictionary(
      (0..<3000).map { ("layer.\($0)", $0 == 0 ? Pickle.tensor() + [0x71, 201] : [0x68, 201]) })
    let root = Pickle.dictionary(
      (0..<3000).map { ("net\($0)", $0 == 0 ? tensors + [0x71, 200] : [0x68, 200]) })
    #expect(try reason(root).contains("repeat each other without bound"))
  }

  @Test func sharedDictionaryOfAFewKeysIsRead() throws {
    let folder = try TemporaryFolder()
    let tensors = Pickle.dictionary([
      ("a.weight", Pickle.tensor() + [0x71, 201]), ("b.weight", [0x68, 201]),
    ])
    let root = Pickle.dictionary([("optimizer", tensors + [0x71, 200]), ("model", [0x68, 200])])
    let path = try folder.write(try torch.file(root, in: folder), to: "x")
    #expect(try openCheckpoint(.path(path)).tensors.map(\.name) == ["a.weight", "b.weight"])
  }

  @Test func namesJoinedFromLongTextsAreRefused() throws {
    func text(_ text: String) -> [UInt8] {
      [0x58] + littleEndianBytes(UInt32(text.utf8.count)) + Array(text.utf8)
    }
    let long = String(repeating: "n", count: 2000)
    let pickle: [UInt8] = [0x80, 2] + text(long) + [0x71, 1, 0x68, 1, 0x93, 0x2E]
    var interpreter = PickleInterpreter(pickle)
    #expect(throws: PickleError.self) { try interpreter.run() }
    let name = String(repeating: "n", count: 1000)
    let repeated = Array(repeating: [0x68, 1, 0x68, 1, 0x93] as [UInt8], count: 200).flatMap { $0 }
    interpreter = PickleInterpreter([0x80, 2] + text(name) + [0x71, 1] + repeated + [0x2E])
    #expect(throws: PickleError.self) { try interpreter.run() }
    interpreter = PickleInterpreter([0x80, 2] + text(name) + [0x71, 1, 0x68, 1, 0x93, 0x2E])
    #expect(throws: Never.self) { try interpreter.run() }
  }
}
