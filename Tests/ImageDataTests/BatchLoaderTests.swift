import Synchronization
import Testing

@testable import ImageData
@testable import Platform

/// Images of one colour: the pixels of image i are i. Some can be bad, all can be slow.
private final class Plain: ImageDataset {
  let name = "plain"
  let count: Int
  let classNames: [String]? = nil
  let bad: Set<Int>
  let begun = Atomic(0)

  init(count: Int, bad: Set<Int> = []) {
    self.count = count
    self.bad = bad
  }

  func label(_ index: Int) -> Int? { index.isMultiple(of: 2) ? index : nil }
  func itemName(_ index: Int) -> String { "plain \(index)" }
  func image(_ index: Int) throws -> RGBImage {
    begun.add(1, ordering: .relaxed)
    if bad.contains(index) { throw ImageDataError.badImage(item: itemName(index), reason: "bad") }
    return RGBImage(
      width: 3, height: 2, pixels: [UInt8](repeating: UInt8(truncatingIfNeeded: index), count: 18))
  }
}

private struct Noise: ImageDataset {
  let name = "noise"
  let count = 3
  let classNames: [String]? = nil
  func label(_ index: Int) -> Int? { nil }
  func itemName(_ index: Int) -> String { "noise \(index)" }
  func image(_ index: Int) -> RGBImage { ImageGolden.noise(width: 12, height: 10, seed: index * 2) }
}

@Suite struct BatchLoaderTests {
  private let views = [
    Preprocessing(resize: 2, crop: 2, mean: [0, 0, 0], std: [1, 1, 1]),
    Preprocessing(resize: 3, crop: 1, mean: [0, 0, 0], std: [1, 1, 1]),
  ]

  @Test(arguments: [1, 2, 7]) func orderIsThatOfTheIndices(workers: Int) throws {
    let order = [5, 3, 3, 200, 0, 17, 4]
    let loader = BatchLoader(
      Plain(count: 201), indices: order, batchSize: 3, views: views, workers: workers)
    var seen: [Int] = []
    var labels: [Int] = []
    var shapes: [[Int]] = []
    while let batch = try loader.next() {
      seen += batch.indices
      labels += batch.labels
      shapes += batch.views.map(\.shape)
      for (position, index) in batch.indices.enumerated() {
        let expected = Float(index) / 255
        #expect(batch.views[0].values[(position * 12)..<(position * 12 + 12)].allSatisfy { $0 == expected })
        #expect(batch.views[1].values[(position * 3)..<(position * 3 + 3)].allSatisfy { $0 == expected })
      }
    }
    #expect(seen == order)
    #expect(labels == [-1, -1, -1, 200, 0, -1, 4])
    #expect(
      shapes == [[3, 2, 2, 3], [3, 1, 1, 3], [3, 2, 2, 3], [3, 1, 1, 3], [1, 2, 2, 3], [1, 1, 1, 3]])
    #expect(try loader.next() == nil)
  }

  @Test func augmentationFollowsSeedAndImageAlone() throws {
    func load(_ workers: Int, _ seed: UInt64) throws -> [Float] {
      let loader = BatchLoader(
        Noise(), indices: [0, 1, 2, 1, 0], batchSize: 2, views: [Preprocessing(resize: 9, crop: 6)],
        workers: workers, augmentation: Augmentation(), seed: seed)
      var values: [Float] = []
      while let batch = try loader.next() { values += batch.views[0].values }
      return values
    }
    let one = try load(1, 4)
    let many = try load(5, 4)
    #expect(many == one)
    let other = try load(1, 5)
    #expect(other != one)
    // The same wherever the image comes in the order, as in another shard; other images look different anyway.
    #expect(one[108..<216] == one[324..<432])
  }

  /// Memory of batches is used again, but never that of a batch somebody still has.
  @Test func keptBatchesStayAsTheyAre() throws {
    let loader = BatchLoader(
      Plain(count: 120), indices: Array(0..<120), batchSize: 4, views: views, workers: 3, prefetch: 1)
    var kept: [ImageBatch] = []
    while let batch = try loader.next() {
      if batch.indices[0].isMultiple(of: 3) { kept.append(batch) }
    }
    #expect(kept.count == 10)
    for batch in kept {
      let expected = batch.indices.flatMap { [Float](repeating: Float($0) / 255, count: 3) }
      #expect(batch.views[1].values == expected)
    }
  }

  @Test func nothingToLoad() throws {
    let loader = BatchLoader(Plain(count: 1), indices: [], batchSize: 3, views: views, workers: 2)
    #expect(try loader.next() == nil)
  }

  @Test(arguments: [1, 4]) func firstErrorInOrderSurfacesAtItsBatch(workers: Int) throws {
    let dataset = Plain(count: 20, bad: [9, 8, 13])
    let loader = BatchLoader(
      dataset, indices: Array(0..<20), batchSize: 4, views: views, workers: workers)
    #expect(try loader.next()?.indices == [0, 1, 2, 3])
    #expect(try loader.next()?.indices == [4, 5, 6, 7])
    for _ in 0..<2 {
      #expect(throws: ImageDataError.badImage(item: "plain 8", reason: "bad")) { try loader.next() }
    }
  }

  @Test(arguments: [1, 4]) func badImagesAreFoundUpToTheLimit(threads: Int) throws {
    let dataset = Plain(count: 600, bad: [1, 4, 5, 299, 599])
    let pool = ThreadPool(threads: threads)
    var seen = 0
    let order = Array((0..<600).reversed())
    let all = try dataset.badImages(among: order, limit: 9, pool: pool) { seen += $0 }
    #expect(all.map(\.place) == [0, 300, 594, 595, 598])
    #expect(all[1].error == .badImage(item: "plain 299", reason: "bad"))
    #expect(seen == 600)
    seen = 0
    let first = try dataset.badImages(among: order, limit: 2, pool: pool) { seen += $0 }
    #expect(first.map(\.place) == [0, 300])
    #expect(seen == 512)
    #expect(try dataset.badImages(among: [2, 3], limit: 1, pool: pool).isEmpty)
  }

  @Test func workersStayWithinThePrefetch() throws {
    let dataset = Plain(count: 100)
    do {
      let loader = BatchLoader(
        dataset, indices: Array(0..<100), batchSize: 5, views: views, workers: 8, prefetch: 2)
      _ = try loader.next()
      _ = try loader.next()
    }
    // Two delivered batches and at most two more; dropping the loader joined its threads.
    let begun = dataset.begun.load(ordering: .relaxed)
    #expect(10...20 ~= begun)
  }

  @Test func droppingAnUnusedLoaderReturns() {
    let loader = BatchLoader(
      Plain(count: 100), indices: Array(0..<100), batchSize: 10, views: views, workers: 3)
    _ = consume loader
  }
}
