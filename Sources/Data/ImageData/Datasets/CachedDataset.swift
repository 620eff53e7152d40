import Platform

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
