import BatchNormCalibration
import Checkpoint
import CommandSupport
import ConvNet
import ImageData
import TensorMath

/// The forward passes over a data set, whole or one shard's.
struct Measurement {
  let recipe: StatisticsPart.Recipe
  private let network: Network
  private let dataset: any ImageDataset
  private let batches: [[Int]]
  private let preprocessing: Preprocessing
  private let workers: Int

  init(_ options: BNFix, model: LoadedModel, console: Console) throws {
    guard let data = options.data else { throw Failure(.usage, "--data is missing") }
    network = model.network
    dataset = try openDataset(data)
    let resolved = try options.preprocessing.resolve(
      model.source.metadata, label: model.source.label, console: console)
    preprocessing = resolved.preprocessing
    workers = options.global.threadCount
    let order = try Self.imageOrder(options, data: data, count: dataset.count)
    batches = stride(from: 0, to: order.count, by: options.batchSize).map {
      Array(order[$0..<min($0 + options.batchSize, order.count)])
    }
    var recorded = Metadata()
    resolved.record(in: &recorded)
    recipe = StatisticsPart.Recipe(
      model: try contentDigest(of: model.source), batchCount: batches.count,
      options: options.measurementOptions(
        dataset: dataset, images: order.count, preprocessing: preprocessing),
      recorded: Dictionary(uniqueKeysWithValues: recorded.sortedEntries.map { ($0.key, $0.value) }))
  }

  var layerNames: [String] { network.batchNorms.map(\.name) }

  /// The moments of every batch, or of the shard's, in the order of the data.
  func run(shard: Shard?, console: Console) throws -> [BatchMoments] {
    let numbers = shard?.items(of: batches.count) ?? Array(batches.indices)
    let images = numbers.flatMap { batches[$0] }
    // Only the last batch of all may be short, and it stays the last of its shard: the loader cuts as we do.
    let loader = BatchLoader(
      dataset, indices: images, batchSize: batches[0].count, views: [preprocessing], workers: workers)
    let progress = console.progress("recalibrating", total: images.count, unit: "images")
    var moments: [BatchMoments] = []
    while let batch = try loader.next() {
      let number = numbers[moments.count]
      moments.append(try BatchMoments(of: batch.views[0], through: network, batch: number))
      progress.advance(by: batch.indices.count)
    }
    progress.finish()
    return moments
  }

  private static func imageOrder(_ options: BNFix, data: String, count: Int) throws -> [Int] {
    var order = Array(0..<count)
    if options.shuffle {
      var generator = SeededGenerator(seed: options.seed)
      order = generator.permutation(count)
    }
    var wanted = options.numImages ?? count
    if let batches = options.numBatches {
      let (product, overflow) = batches.multipliedReportingOverflow(by: options.batchSize)
      wanted = overflow ? .max : product
    }
    guard wanted <= count else {
      throw Failure(
        .badData, "\(data): \(wanted) images asked for, \(count) there; ask for fewer or give more data")
    }
    return Array(order.prefix(wanted))
  }
}
