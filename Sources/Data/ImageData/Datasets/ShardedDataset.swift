/// Several data sets one after the other: the shards of a brace range.
struct ShardedDataset: ImageDataset {
  let name: String
  let classNames: [String]?
  private let shards: [any ImageDataset]
  /// Number of images in each shard and all before it.
  private let ends: [Int]

  /// Shards that name their classes share one numbering: that of all names in the order of their bytes.
  /// - Throws: `badDataset` if some shards name their classes and others do not.
  init(_ shards: [any ImageDataset], name: String) throws(ImageDataError) {
    let named = shards.map(\.classNames)
    guard let first = named.first(where: { $0 != nil }) ?? nil else {
      self.init(shards, name: name, classNames: nil)
      return
    }
    if let unnamed = named.firstIndex(where: { $0 == nil }) {
      throw .badDataset(
        path: shards[unnamed].name, reason: "expected named classes as in the other parts, found none")
    }
    if shards.allSatisfy({ $0.hasClassNames(first) }) {
      self.init(shards, name: name, classNames: first)
      return
    }
    let all = Set(named.flatMap { $0! }.map { Array($0.utf8) })
      .sorted { $0.lexicographicallyPrecedes($1) }.map { display($0) }
    var numbered: [any ImageDataset] = []
    for shard in shards { numbered.append(try shard.numbered(by: all, of: name)) }
    self.init(numbered, name: name, classNames: all)
  }

  private init(_ shards: [any ImageDataset], name: String, classNames: [String]?) {
    self.name = name
    self.classNames = classNames
    self.shards = shards
    var total = 0
    ends = shards.map { shard in
      total += shard.count
      return total
    }
  }

  var count: Int { ends.last ?? 0 }

  /// That of the first part that lacks a label.
  var labelSource: LabelSource {
    let lacking = shards.first { shard in (0..<shard.count).contains { shard.label($0) == nil } }
    return (lacking ?? shards.first)?.labelSource ?? .other
  }

  func label(_ index: Int) -> Int? {
    let (shard, inner) = find(index)
    return shard.label(inner)
  }

  func image(_ index: Int) throws -> RGBImage {
    let (shard, inner) = find(index)
    return try shard.image(inner)
  }

  func itemName(_ index: Int) -> String {
    let (shard, inner) = find(index)
    return shard.itemName(inner)
  }

  private func find(_ index: Int) -> (any ImageDataset, Int) {
    // The first shard that ends after the index.
    var low = 0
    var high = ends.count - 1
    while low < high {
      let middle = (low + high) / 2
      if ends[middle] > index { high = middle } else { low = middle + 1 }
    }
    return (shards[low], index - (low == 0 ? 0 : ends[low - 1]))
  }
}
