import Checkpoint
import Testing

@testable import NetworkGraphs

/// Recognition of networks without BatchNorm from shapes alone.
struct TransformerFamilyTests {
  /// A checkpoint of shapes; nothing reads its tensors.
  private final class Shapes: CheckpointSource {
    let label = "shapes"
    let tensors: [TensorSpec]
    let metadata = Metadata()

    init(_ shapes: [String: [Int]]) {
      tensors = shapes.map { TensorSpec(name: TensorName($0.key), dtype: .f32, shape: $0.value) }
        .sorted { $0.name < $1.name }
    }

    func reader(at index: Int) -> TensorReader { preconditionFailure("nothing reads \(tensors[index].name)") }
  }

  private struct Maker {
    var shapes: [String: [Int]] = [:]

    mutating func layer(_ name: String, _ shape: [Int]) {
      shapes[name + ".weight"] = shape
      shapes[name + ".bias"] = [shape[0]]
    }
  }

  private func vit(
    width: Int, blocks: Int, patch: Int, grid: Int, hasClassToken: Bool = true, classes: Int = 1000
  ) -> [String: [Int]] {
    var maker = Maker()
    maker.layer("patch_embed.proj", [width, 3, patch, patch])
    if hasClassToken { maker.shapes["cls_token"] = [1, 1, width] }
    maker.shapes["pos_embed"] = [1, grid * grid + (hasClassToken ? 1 : 0), width]
    for index in 0..<blocks {
      let name = "blocks.\(index)"
      maker.layer("\(name).norm1", [width])
      maker.layer("\(name).attn.qkv", [3 * width, width])
      maker.layer("\(name).attn.proj", [width, width])
      maker.layer("\(name).norm2", [width])
      maker.layer("\(name).mlp.fc1", [4 * width, width])
      maker.layer("\(name).mlp.fc2", [width, 4 * width])
    }
    maker.layer("norm", [width])
    maker.layer("head", [classes, width])
    return maker.shapes
  }

  /// torchvision's names.
  private func convNeXt(blocks: [Int], widths: [Int], classes: Int = 1000) -> [String: [Int]] {
    var maker = Maker()
    maker.layer("features.0.0", [widths[0], 3, 4, 4])
    maker.layer("features.0.1", [widths[0]])
    for (stage, width) in widths.enumerated() {
      if stage > 0 {
        maker.layer("features.\(2 * stage).0", [widths[stage - 1]])
        maker.layer("features.\(2 * stage).1", [width, widths[stage - 1], 2, 2])
      }
      for index in 0..<blocks[stage] {
        let name = "features.\(2 * stage + 1).\(index)"
        maker.layer("\(name).block.0", [width, 1, 7, 7])
        maker.layer("\(name).block.2", [width])
        maker.layer("\(name).block.3", [4 * width, width])
        maker.layer("\(name).block.5", [width, 4 * width])
        maker.shapes["\(name).layer_scale"] = [width, 1, 1]
      }
    }
    maker.layer("classifier.0", [widths[3]])
    maker.layer("classifier.2", [classes, widths[3]])
    return maker.shapes
  }

  /// torchvision's names of version 1.
  private func swin(blocks: [Int], width: Int, window: Int, classes: Int = 1000) -> [String: [Int]] {
    var maker = Maker()
    maker.layer("features.0.0", [width, 3, 4, 4])
    maker.layer("features.0.2", [width])
    for (stage, count) in blocks.enumerated() {
      let width = width << stage
      if stage > 0 {
        maker.layer("features.\(2 * stage).norm", [2 * width])
        maker.shapes["features.\(2 * stage).reduction.weight"] = [width, 2 * width]
      }
      for index in 0..<count {
        let name = "features.\(2 * stage + 1).\(index)"
        maker.layer("\(name).norm1", [width])
        maker.layer("\(name).attn.qkv", [3 * width, width])
        maker.layer("\(name).attn.proj", [width, width])
        maker.shapes["\(name).attn.relative_position_bias_table"] = [
          (2 * window - 1) * (2 * window - 1), width / 32,
        ]
        maker.layer("\(name).norm2", [width])
        maker.layer("\(name).mlp.0", [4 * width, width])
        maker.layer("\(name).mlp.3", [width, 4 * width])
      }
    }
    maker.layer("norm", [width << 3])
    maker.layer("head", [classes, width << 3])
    return maker.shapes
  }

  private func error(_ shapes: [String: [Int]], architecture: String? = nil) throws -> NetworkError {
    try #require(throws: NetworkError.self) {
      _ = try NetworkDescription(Shapes(shapes), architecture: architecture)
    }
  }

  /// The numbers are those that torchvision publishes with its weights (`_ops`, in thousand millions).
  @Test func multiplyAddsAreThosePublished() throws {
    func billions(_ shapes: [String: [Int]], _ name: String) throws -> Double {
      let network = try NetworkDescription(Shapes(shapes))
      #expect(network.architectureName == name)
      return Double(try network.multiplyAdds(height: 224, width: 224)) / 1e9
    }
    let convNeXt = convNeXt(blocks: [3, 3, 9, 3], widths: [96, 192, 384, 768])
    #expect(abs(try billions(convNeXt, "convnext_tiny") - 4.456) < 0.005)
    #expect(abs(try billions(swin(blocks: [2, 2, 6, 2], width: 96, window: 7), "swin_t") - 4.491) < 0.005)
    let vit = vit(width: 768, blocks: 12, patch: 16, grid: 14)
    #expect(abs(try billions(vit, "vit_base_patch16_224") - 17.564) < 0.005)
  }

  @Test func tensorsThatNoLayerReadsRefuseTheFile() throws {
    var shapes = convNeXt(blocks: [1, 1, 1, 1], widths: [8, 16, 24, 32])
    shapes["features.1.0.block.6.gate"] = [8]
    guard case .leftoverTensors(_, _, let names, 1) = try error(shapes) else {
      Issue.record("not refused for a tensor left over")
      return
    }
    #expect(names == ["features.1.0.block.6.gate"])
  }

  @Test func normsWithoutShiftAreRefused() throws {
    var shapes = convNeXt(blocks: [1, 1, 1, 1], widths: [8, 16, 24, 32])
    shapes["features.0.1.bias"] = nil
    guard case .missingTensor(_, "features.0.1.bias", _) = try error(shapes) else {
      Issue.record("not refused for a missing shift")
      return
    }
  }

  @Test func transformersOfUnpublishedSizeAreRefused() throws {
    let error = try error(vit(width: 200, blocks: 3, patch: 16, grid: 14))
    #expect(error == .unnamedTransformer(label: "shapes", found: "vit width 200 blocks 3 patch 16"))
    #expect(error.kind == .badData)
  }

  @Test func unnamedTransformersSayWhatIsAssumed() throws {
    let shapes = vit(width: 192, blocks: 12, patch: 16, grid: 14)
    #expect(
      try NetworkDescription(Shapes(shapes)).assumption
        == "no tensor shows its 3 heads, eps of 1e-06, gelu and pooling of the class token")
    let named = try NetworkDescription(Shapes(shapes), architecture: "vit_tiny_patch16_224")
    #expect(named.assumption == nil)
  }

  @Test func tabulatedNetworksNeedTheirLayout() throws {
    let table = PublishedTable(
      heads: [["head"]], resizable: ["pos_embed"], "net 0 heads=2\n    other 0 heads=3 flag")
    #expect(table.rows.map(\.name) == ["net", "other"] && table.rows[1].has("flag"))
    #expect(table.rows[1].integer("heads") == 3 && table.rows[1].description == "heads=3 flag")
    func digest(_ shapes: [String: [Int]]) -> UInt64 {
      let state = StateDict(Shapes(shapes))
      return Layout(state.source.tensors, heads: [("head", "head")], resizable: ["pos_embed"]).digest
    }
    let base: [String: [Int]] = ["head.weight": [10, 4], "pos_embed": [1, 9, 4], "norm.weight": [4]]
    var changed = base
    (changed["head.weight"], changed["pos_embed"]) = ([7, 4], [1, 16, 4])
    #expect(digest(base) == digest(changed))
    changed["norm.weight"] = [5]
    #expect(digest(base) != digest(changed))
  }

  @Test func onlySizeRefusesOthers() throws {
    let nodes = [Graph.Node(name: "input", operation: .input, inputs: [], channels: 3)]
    let graph = Graph(nodes: nodes, output: 0, onlySize: 224)
    #expect(try graph.sizes(height: 224, width: 224).count == 1)
    let error = try #require(throws: NetworkError.self) { try graph.sizes(height: 256, width: 224) }
    #expect(error == .inputOfOtherSize(height: 256, width: 224, only: 224) && error.kind == .usage)
  }

  /// Published with 12 and with 16 heads.
  @Test func networksThatDifferInHeadsNeedTheirName() throws {
    let shapes = vit(width: 768, blocks: 12, patch: 16, grid: 14, hasClassToken: false)
    guard case .ambiguous(_, let candidates) = try error(shapes) else {
      Issue.record("not refused for two numbers of heads")
      return
    }
    #expect(candidates.contains("vit_base_patch16_gap_224"))
    #expect(candidates.contains("vit_base_patch16_siglip_gap_224"))
    func heads(_ name: String) throws -> Int? {
      let graph = try NetworkDescription(Shapes(shapes), architecture: name).graph
      return graph.nodes.lazy.compactMap { node in
        if case .attention(let attention) = node.operation { attention.heads } else { nil }
      }.first
    }
    #expect(try heads("vit_base_patch16_gap_224") == 16)
    #expect(try heads("vit_base_patch16_siglip_gap_224") == 12)
    guard case .otherArchitecture = try error(shapes, architecture: "vit_base_patch16_224") else {
      Issue.record("not refused for the name of a network with a class token")
      return
    }
  }

  @Test func sizesThatPatchesCannotTakeAreRefusedWithTheNearest() throws {
    let graph = try NetworkDescription(Shapes(vit(width: 192, blocks: 12, patch: 16, grid: 14))).graph
    let error = try #require(throws: NetworkError.self) { try graph.sizes(height: 231, width: 250) }
    #expect(error == .inputNotOfPatches(height: 231, width: 250, patch: 16))
    #expect(error.kind == .usage)
    #expect(error.description.hasSuffix("the nearest that does has 224x256"))
    #expect(try graph.sizes(height: 224, width: 256)[2].pixels == 1 + 14 * 16)
  }

  @Test func windowsComeFromTheirTables() throws {
    let network = try NetworkDescription(Shapes(swin(blocks: [1, 1, 1, 2], width: 32, window: 5)))
    #expect(network.architectureName == "swin [1,1,1,2] width 32 windows [5,5,5,5]")
    #expect(try network.multiplyAdds(height: 230, width: 64) > 0)
    let windows = network.graph.nodes.compactMap { node -> AttentionWindows? in
      if case .attention(let attention) = node.operation { attention.windows } else { nil }
    }
    #expect(windows.map(\.shift) == [0, 0, 0, 0, 2])
    #expect(windows.allSatisfy { $0.side == 5 })
  }
}
