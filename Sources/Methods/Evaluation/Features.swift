import ImageData
import NetworkExecution

/// The inputs of a network's classifier for every image of a data set, and the images' classes.
public struct FeatureTable: Sendable {
  /// Number of inputs of the classifier.
  public let featureCount: Int
  /// Class of each image.
  public private(set) var labels: [Int] = []
  /// Features, [images, features] in row-major order.
  public private(set) var values: [Float] = []

  init(featureCount: Int) { self.featureCount = featureCount }

  /// Number of images.
  public var count: Int { labels.count }

  /// Adds a batch of images, [images, features].
  mutating func append(_ features: [Float], labels: [Int]) {
    precondition(features.count == labels.count * featureCount)
    values += features
    self.labels += labels
  }
}

extension Evaluator {
  /// The inputs of the classifier under one setting, for the images of the sweep in their order.
  ///
  /// The features of several crops are averaged: the classifier is linear, so that its logits for the mean are the mean
  /// of the logits.
  ///
  /// - Parameters:
  ///   - setting: index of the setting.
  ///   - batchSize: images per batch; nil chooses one as `run` does.
  ///   - workers: decoding threads.
  ///   - onBatch: called after each batch with the number of its images.
  /// - Throws: `EvaluationError.noFeatures` for a network that does not end in a classifier, an ensemble, and test-time
  ///   pooling, which takes a maximum of logits; `.notFinite`; errors of decoding.
  public func features(
    of setting: Int, batchSize: Int? = nil, workers: Int, onBatch: (Int) -> Void = { _ in }
  ) throws -> FeatureTable {
    let chosen = settings[setting]
    guard chosen.networks.count == 1 else {
      throw EvaluationError.noFeatures(reason: "an ensemble has several classifiers")
    }
    guard chosen.pooling == .average else {
      throw EvaluationError.noFeatures(reason: "test-time pooling takes a maximum over windows after it")
    }
    let network = networks[chosen.networks[0]]
    guard let classifier = network.classifier else {
      throw EvaluationError.noFeatures(reason: "\(network.architectureName) does not end in a linear layer")
    }
    let plan = PassPlan(settings, active: [setting], recalibrations: recalibrations)
    let loader = BatchLoader(
      dataset, indices: images, batchSize: batchSize ?? plan.defaultBatchSize, views: plan.views,
      workers: workers, prefetch: PassPlan.prefetch)
    var table = FeatureTable(featureCount: classifier.featureCount)
    while let batch = try loader.next() {
      let ofViews = try plan.passes.map { pass in
        try network.classifierInputs(
          batch.views[pass.view], statistics: pass.recalibration?.statistics
        ).values
      }
      var features = ofViews[0]
      if ofViews.count > 1 {
        for index in features.indices {
          features[index] = Float(ofViews.reduce(0.0) { $0 + Double($1[index]) } / Double(ofViews.count))
        }
      }
      if let wrong = features.firstIndex(where: { !$0.isFinite }) {
        throw EvaluationError.notFinite(
          item: dataset.itemName(batch.indices[wrong / classifier.featureCount]),
          crop: chosen.preprocessing.crop)
      }
      table.append(features, labels: batch.labels)
      onBatch(batch.indices.count)
    }
    return table
  }
}
