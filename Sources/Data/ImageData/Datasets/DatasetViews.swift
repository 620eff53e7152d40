import Checkpoint
import Platform
import Statistics

extension ImageDataset {
  /// The images at `indices`, in that order.
  public func subset(_ indices: [Int]) -> any ImageDataset { SubsetDataset(self, indices) }

  /// A name for the images of a data set: CRC-32 of the last components of their names and of their labels, which are the
  /// same wherever its folder is.
  package var namesDigest: String {
    var digest: UInt32 = 0
    for image in 0..<count {
      let path = itemName(image)
      let name = path.utf8.split(separator: UInt8(ascii: "/")).last.map { String(Substring($0)) } ?? path
      var entry = "\(name)\0\(label(image) ?? -1)\0"
      digest = entry.withUTF8 { crc32(UnsafeRawBufferPointer($0), continuing: digest) }
    }
    return "crc32:\(hexadecimal(digest))"
  }
}

/// Some images of a data set.
struct SubsetDataset: ImageDataset {
  private let base: any ImageDataset
  private let indices: [Int]

  var name: String { base.name }
  var classNames: [String]? { base.classNames }
  var labelSource: LabelSource { base.labelSource }
  var count: Int { indices.count }

  init(_ base: any ImageDataset, _ indices: [Int]) {
    self.base = base
    self.indices = indices
  }

  /// The first `limit` images.
  init(_ base: any ImageDataset, first limit: Int) {
    self.init(base, Array(0..<min(limit, base.count)))
  }

  /// A random sample of `count` images without replacement, every class with its share.
  ///
  /// Shares are proportional to the classes' sizes, rounded by the largest remainder, the lower class first
  /// when equal.
  /// - Parameter count: At most the number of images; more gives them all.
  init(_ base: any ImageDataset, sample count: Int, seed: UInt64) {
    var members: [Int: [Int]] = [:]
    for index in 0..<base.count { members[base.label(index) ?? -1, default: []].append(index) }
    let classes = members.keys.sorted()
    let wanted = min(count, base.count)
    // Quotient and remainder of size * wanted / total, in integers so that no rounding decides.
    let exact = classes.map {
      (members[$0]!.count * wanted).quotientAndRemainder(dividingBy: max(base.count, 1))
    }
    var shares = exact.map(\.quotient)
    let missing = wanted - shares.reduce(0, +)
    let byRemainder = classes.indices.sorted { (-exact[$0].remainder, $0) < (-exact[$1].remainder, $1) }
    for position in byRemainder.prefix(missing) { shares[position] += 1 }
    var generator = SeededGenerator(seed: seed, for: "sample")
    var chosen: [Int] = []
    for (label, share) in zip(classes, shares) {
      let candidates = members[label]!
      chosen += generator.permutation(candidates.count).prefix(share).map { candidates[$0] }
    }
    self.init(base, chosen.sorted())
  }

  func label(_ index: Int) -> Int? { base.label(indices[index]) }
  func image(_ index: Int) throws -> RGBImage { try base.image(indices[index]) }
  var hasBands: Bool { base.hasBands }
  func bands(_ index: Int, channels: Int) throws -> BandImage {
    try base.bands(indices[index], channels: channels)
  }
  func check(_ index: Int) throws { try base.check(indices[index]) }
  func itemName(_ index: Int) -> String { base.itemName(indices[index]) }
}

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

  var hasBands: Bool { shards.contains(where: \.hasBands) }

  func bands(_ index: Int, channels: Int) throws -> BandImage {
    let (shard, inner) = find(index)
    return try shard.bands(inner, channels: channels)
  }

  func check(_ index: Int) throws {
    let (shard, inner) = find(index)
    try shard.check(inner)
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

extension ImageDataset {
  /// This data set with decoded images kept in memory, for callers that go through it several times.
  /// - Parameter budget: Bytes of pixels to keep at most.
  public func cached(budget: Int) -> any ImageDataset { CachedDataset(self, budget: budget) }
}

/// Keeps the first images asked for, as many as the budget allows, and reads the others each time.
///
/// Images are never evicted: in passes over more images than fit, the oldest would always be evicted just
/// before it is needed.
private final class CachedDataset: ImageDataset, @unchecked Sendable {
  private let base: any ImageDataset
  private let lock = Condition()
  private var images: [Int: RGBImage] = [:]
  private var free: Int

  init(_ base: any ImageDataset, budget: Int) {
    self.base = base
    free = budget
  }

  var name: String { base.name }
  var count: Int { base.count }
  var classNames: [String]? { base.classNames }
  var labelSource: LabelSource { base.labelSource }
  func label(_ index: Int) -> Int? { base.label(index) }
  func itemName(_ index: Int) -> String { base.itemName(index) }

  // Bands are read each time, as are images for other channels than three, which have depths that `images` lacks.
  var hasBands: Bool { base.hasBands }
  func bands(_ index: Int, channels: Int) throws -> BandImage {
    base.hasBands || channels != 3
      ? try base.bands(index, channels: channels)
      : try BandImage(try image(index), channels: channels, item: itemName(index))
  }
  func check(_ index: Int) throws { if base.hasBands { try base.check(index) } else { _ = try image(index) } }

  func image(_ index: Int) throws -> RGBImage {
    if let image = lock.withLock({ images[index] }) { return image }
    let image = try base.image(index)
    lock.withLock {
      // Another thread may have read the same image meanwhile.
      guard image.pixels.count <= free, images[index] == nil else { return }
      images[index] = image
      free -= image.pixels.count
    }
    return image
  }
}
