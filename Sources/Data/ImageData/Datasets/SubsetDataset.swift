import Statistics

extension ImageDataset {
  /// The images at `indices`, in that order.
  public func subset(_ indices: [Int]) -> any ImageDataset { SubsetDataset(self, indices) }
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
    var generator = SeededGenerator(seed: seed)
    var chosen: [Int] = []
    for (label, share) in zip(classes, shares) {
      let candidates = members[label]!
      chosen += generator.permutation(candidates.count).prefix(share).map { candidates[$0] }
    }
    self.init(base, chosen.sorted())
  }

  func label(_ index: Int) -> Int? { base.label(indices[index]) }
  func image(_ index: Int) throws -> RGBImage { try base.image(indices[index]) }
  func itemName(_ index: Int) -> String { base.itemName(indices[index]) }
}
