import Checkpoint

/// A block of a network: a residual unit, a transformer layer, a dense layer, an inverted bottleneck …
package struct NetworkBlock: Sendable, Equatable {
  /// Prefix of its tensors' names, such as `layer4.1`, `features.17` or `blocks.11`.
  package let name: String
  /// Its first and last node with tensors.
  package fileprivate(set) var nodes: ClosedRange<Int>
}

extension Graph {
  /// The blocks in execution order, without stem, head and single layers between blocks.
  ///
  /// Names show them: a block is the deepest numbered module with at least two layers of weighted sums whose own parts
  /// are no numbered modules of several layers. Networks without such modules, like VGG, have a block for each layer.
  package var blocks: [NetworkBlock] {
    let names = Self.modules(nodes)
    var blocks: [NetworkBlock] = []
    var products: [Int] = []
    for (index, node) in nodes.enumerated() {
      for tensor in node.operation.tensors {
        guard let name = names.block(of: tensor) else { continue }
        let place: Int
        if let known = blocks.firstIndex(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
          place = known
          blocks[place].nodes = blocks[place].nodes.lowerBound...index
        } else {
          place = blocks.count
          blocks.append(NetworkBlock(name: name, nodes: index...index))
          products.append(0)
        }
        if node.operation.isProduct && tensor == node.operation.tensors[0] { products[place] += 1 }
      }
    }
    let several = blocks.indices.filter { products[$0] > 1 }
    let kept = several.isEmpty ? blocks.indices.filter { products[$0] > 0 && !isHead(blocks[$0]) } : several
    return kept.map { blocks[$0] }
  }

  private func isHead(_ block: NetworkBlock) -> Bool { block.nodes.upperBound >= output }

  private static func modules(_ nodes: [Node]) -> ModuleTree {
    var tree = ModuleTree()
    for node in nodes {
      for tensor in node.operation.tensors { tree.insert(tensor) }
    }
    return tree
  }
}

/// Modules of a network as its tensors' names nest them.
private struct ModuleTree {
  private var children: [String: ModuleTree] = [:]
  private var hasTensors = false

  mutating func insert(_ tensor: TensorName) { insert(Self.path(of: tensor)[...]) }

  private mutating func insert(_ path: ArraySlice<String>) {
    guard let first = path.first else {
      hasTensors = true
      return
    }
    children[first, default: ModuleTree()].insert(path.dropFirst())
  }

  /// Name of the block of a tensor; nil for tensors outside of numbered modules.
  func block(of tensor: TensorName) -> String? {
    let path = Self.path(of: tensor)
    var tree = self
    var block: Int?
    for (depth, part) in path.enumerated() {
      guard let next = tree.children[part] else { break }
      if block != nil && !tree.isListOfBlocks(at: part) { break }
      if Self.isNumbered(part) { block = depth }
      tree = next
    }
    return block.map { path[...$0].joined(separator: ".") }
  }

  /// True if the blocks are below the child `part` of a module that is numbered itself.
  private func isListOfBlocks(at part: String) -> Bool {
    // timm's stages keep their blocks apart from what precedes them.
    if part == "blocks" { return true }
    return Self.isNumbered(part) && children.contains { Self.isNumbered($0.key) && $0.value.moduleCount > 1 }
  }

  /// Modules with tensors of their own.
  private var moduleCount: Int { children.values.reduce(hasTensors ? 1 : 0) { $0 + $1.moduleCount } }

  /// Branches are parts of a block that happen to have numbers.
  private static func isNumbered(_ part: String) -> Bool {
    !part.utf8.starts(with: "branch".utf8)
      && part.utf8.contains { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
  }

  /// The names of the modules around a tensor, outermost first.
  private static func path(of tensor: TensorName) -> [String] {
    tensor.string.utf8.split(separator: UInt8(ascii: ".")).dropLast().map { String(Substring($0)) }
  }
}
