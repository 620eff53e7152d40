import Checkpoint
import Testing

@testable import NetworkGraphs

/// Blocks and cuts by the names of tensors.
@Suite struct NetworkCutTests {
  static let resNet = try! NetworkDescription(
    StateDictMaker.resNet(blocks: [2, 2, 1, 11], isBottleneck: false, base: 4))

  private func trained(_ point: NetworkCut.Point) throws -> [String] {
    try NetworkCut(Self.resNet, at: point).trained.map(\.string)
  }

  @Test func blocksAreResidualUnits() {
    let expected =
      ["layer1.0", "layer1.1", "layer2.0", "layer2.1", "layer3.0"] + (0..<11).map { "layer4.\($0)" }
    #expect(Self.resNet.graph.blocks.map(\.name) == expected)
  }

  @Test func bottlenecksAreBlocksToo() throws {
    let description = try NetworkDescription(
      StateDictMaker.resNet(blocks: [1, 1, 2, 1], isBottleneck: true, base: 4))
    #expect(
      description.graph.blocks.map(\.name) == ["layer1.0", "layer2.0", "layer3.0", "layer3.1", "layer4.0"])
  }

  @Test func theLastBlocksEndWithTheClassifier() throws {
    let names = try trained(.lastBlocks(2))
    #expect(names.first == "layer4.9.conv1.weight" && names.suffix(2) == ["fc.weight", "fc.bias"])
    #expect(
      names.allSatisfy { $0.hasPrefix("layer4.9.") || $0.hasPrefix("layer4.10.") || $0.hasPrefix("fc.") })
    #expect(names.count == 2 * 6 + 2)
  }

  /// `layer4.1` is no prefix of `layer4.10`, and everything after it is trained all the same.
  @Test func prefixesEndAtDots() throws {
    let names = try trained(.from("layer4.10"))
    #expect(names.allSatisfy { $0.hasPrefix("layer4.10.") || $0.hasPrefix("fc.") })
    let more = try trained(.from("layer4.1"))
    #expect(more.first == "layer4.1.conv1.weight" && more.count == 10 * 6 + 2)
    #expect(throws: NetworkError.self) { try trained(.from("layer4.")) }
    #expect(throws: NetworkError.self) { try trained(.from("layer")) }
    #expect(throws: NetworkError.self) { try trained(.from("")) }
    #expect(try trained(.from("layer4.10.bn2.bias")).first == "layer4.10.bn2.weight")
  }

  @Test func unknownPrefixesListTheBlocks() throws {
    #expect(
      throws: NetworkError.unknownBlock(
        "layer5", architecture: Self.resNet.architectureName, known: Self.resNet.graph.blocks.map(\.name))
    ) { try trained(.from("layer5")) }
    #expect(
      throws: NetworkError.tooFewBlocks(
        count: 17, architecture: Self.resNet.architectureName, known: Self.resNet.graph.blocks.map(\.name))
    ) { try trained(.lastBlocks(17)) }
  }

  @Test func batchNormsAreTrainedWithTheClassifier() throws {
    let all = try trained(.batchNorms(from: nil))
    #expect(all.first == "bn1.weight" && all.last == "fc.bias")
    #expect(all.allSatisfy { $0.contains("bn") || $0.contains("downsample.1") || $0.hasPrefix("fc.") })
    let some = try trained(.batchNorms(from: "layer4.10"))
    #expect(
      some == [
        "layer4.10.bn1.weight", "layer4.10.bn1.bias", "layer4.10.bn2.weight", "layer4.10.bn2.bias",
        "fc.weight",
        "fc.bias",
      ])
  }

  /// A cut within a block is crossed by its shortcut too; one between blocks by a single map.
  @Test func shortcutsCrossTheCut() throws {
    #expect(try NetworkCut(Self.resNet, at: .from("layer4.5")).entries.count == 1)
    #expect(try NetworkCut(Self.resNet, at: .from("layer4.5.conv2")).entries.count == 2)
  }

  @Test func depthCountsTheBlocksFromTheEnd() throws {
    let cut = try NetworkCut(Self.resNet, at: .from("layer4.8"))
    #expect(cut.depth(of: "fc.weight") == 0 && cut.depth(of: "layer4.10.bn2.bias") == 1)
    #expect(cut.depth(of: "layer4.10.conv1.weight") == 1 && cut.depth(of: "layer4.8.conv1.weight") == 3)
  }

  /// Every family with more than a few layers has blocks, whose names are prefixes of tensors.
  @Test(arguments: FamilyGolden.all) func familiesHaveBlocks(_ golden: FamilyGolden) throws {
    let description = try golden.description()
    let blocks = description.graph.blocks
    #expect(!blocks.isEmpty)
    for block in blocks {
      let cut = try NetworkCut(description, at: .from(block.name))
      #expect(cut.trained.contains { $0.string.hasPrefix(block.name + ".") }, "\(block.name)")
    }
  }
}
