import ClassifierTuning
import CommandSupport
import ImageData
import TensorMath

/// Runs the frozen trunk over data sets.
struct FeatureStage {
  let tail: TunableTail
  let preprocessing: Preprocessing
  let pool: ThreadPool
  let workers: Int
  let console: Console

  private static let batchSize = 32

  /// The features and labels of all images of `dataset`.
  func features(of dataset: any ImageDataset, classes: Int) throws -> LabelledFeatures {
    let labels = try labels(of: dataset, classes: classes)
    let loader = BatchLoader(
      dataset, indices: Array(labels.indices), batchSize: Self.batchSize, views: [preprocessing],
      workers: workers)
    let collector = try FeatureCollector(tail, count: labels.count, pool: pool)
    let progress = console.progress("features of \(dataset.name)", total: labels.count, unit: "images")
    while let batch = try loader.next() {
      try collector.add(batch.views[0])
      progress.advance(by: batch.indices.count)
    }
    progress.finish()
    return LabelledFeatures(features: collector.finish(), labels: labels)
  }

  private func labels(of dataset: any ImageDataset, classes: Int) throws -> [Int] {
    guard let names = dataset.classNames else {
      throw Failure(.badData, "\(dataset.name): the images have no labels, which tuning needs")
    }
    if names.count < classes {
      console.warning(
        "\(dataset.name): \(names.count) classes for a classifier of \(classes); they are taken as its first")
    }
    return try (0..<dataset.count).map { index in
      guard let label = dataset.label(index) else {
        throw Failure(.badData, "\(dataset.itemName(index)): no label, which tuning needs")
      }
      guard label < classes else {
        throw Failure(
          .badData,
          "\(dataset.itemName(index)): expected a class below \(classes) for this classifier, found \(label)")
      }
      return label
    }
  }
}
