import Checkpoint

/// The layout of a network's weights: names and shapes of the tensors that a graph reads, without the number
/// of classes.
///
/// A digest of it identifies published networks: FNV-1a (64 bits; Fowler, Noll, Vo) of the lines
/// `name:d0,d1,…` sorted by their bytes, where `*` stands for the number of classes. Equal layouts do not
/// prove equal networks: strides, activations and padding do not show in shapes.
struct Layout {
  let digest: UInt64

  /// - Parameters:
  ///   - specs: The tensors that the graph reads.
  ///   - head: The last layer's published name, whose first extent is the number of classes.
  ///   - ownHead: The same layer's name in the state dict.
  init(_ specs: some Sequence<TensorSpec>, head: String, ownHead: String) {
    self.init(specs, heads: [(head, ownHead)], resizable: [])
  }

  /// - Parameters:
  ///   - specs: The tensors of the network.
  ///   - heads: Published name and own name of every last layer.
  ///   - resizable: Ends of the names of tensors whose shapes depend on the size of the images.
  init(
    _ specs: some Sequence<TensorSpec>, heads: [(published: String, own: String)], resizable: [String]
  ) {
    let lines = specs.map { spec in
      var name = spec.name.string
      var isHead = false
      for (published, own) in heads {
        guard let suffix = ["weight", "bias"].first(where: { name == "\(own).\($0)" }) else { continue }
        (name, isHead) = ("\(published).\(suffix)", true)
        break
      }
      let isResizable = resizable.contains { name.utf8.reversed().starts(with: $0.utf8.reversed()) }
      let extents = spec.shape.enumerated().map { axis, extent in
        (axis == 0 && isHead) || isResizable ? "*" : String(extent)
      }
      return Array("\(name):\(extents.joined(separator: ","))\n".utf8)
    }
    var digest: UInt64 = 0xcbf2_9ce4_8422_2325
    for line in lines.sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      for byte in line { digest = (digest ^ UInt64(byte)) &* 0x100_0000_01b3 }
    }
    self.digest = digest
  }

  /// The layout of a state dict in which all floating-point tensors belong to the network.
  init(_ state: StateDict, head: String) {
    self.init(
      state.source.tensors.filter { !$0.dtype.isInteger }, head: head, ownHead: state.headName(head) ?? head)
  }
}

/// The names under which torchvision and timm publish networks of the known families.
enum PublishedNames {
  /// The digests of every name; several where both libraries publish it with different keys.
  static let digests: [String: Set<UInt64>] = {
    var result: [String: Set<UInt64>] = [:]
    for line in table.split(separator: "\n") {
      let words = line.split(separator: " ")
      result[String(words[0])] = Set(words.dropFirst().compactMap { UInt64($0, radix: 16) })
    }
    return result
  }()

  /// The published names of a layout, the shortest first.
  static func names(of layout: Layout) -> [String] {
    digests.filter { $0.value.contains(layout.digest) }.keys.sorted {
      ($0.utf8.count, $0) < ($1.utf8.count, $1)
    }
  }
}
