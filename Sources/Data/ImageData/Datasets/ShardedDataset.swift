/// Several data sets one after the other: the shards of a brace range.
struct ShardedDataset: ImageDataset {
  let name: String
  let classNames: [String]?
  private let shards: [any ImageDataset]
  /// Number of images in each shard and all before it.
  private let ends: [Int]

  /// - Throws: `badDataset` if the shards do not agree on the names of the classes.
  init(_ shards: [any ImageDataset], name: String) throws(ImageDataError) {
    self.name = name
    self.shards = shards
    var total = 0
    ends = shards.map { shard in
      total += shard.count
      return total
    }
    classNames = shards.first?.classNames
    for shard in shards where shard.classNames != classNames {
      throw .badDataset(
        path: shard.name, reason: "expected the classes of \"\(shards[0].name)\", found others")
    }
  }

  var count: Int { ends.last ?? 0 }

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
