import Evaluation
import ImageData

/// A model that a search may choose: an average at a preprocessing, tuned or not.
public struct Entrant: Sendable, Hashable {
  /// The average.
  public var candidate: Candidate
  /// Preprocessing of the images.
  public var preprocessing: Preprocessing
  /// True if its BatchNorm statistics are those of a sample of the training images under this preprocessing; false if they
  /// are the checkpoint's, or there are none.
  public var isRecalibrated: Bool
  /// Fine-tuning of its last layers; nil for none.
  public var tuning: Tuning?

  /// An entrant with everything given.
  public init(
    candidate: Candidate, preprocessing: Preprocessing, isRecalibrated: Bool, tuning: Tuning? = nil
  ) {
    self.candidate = candidate
    self.preprocessing = preprocessing
    self.isRecalibrated = isRecalibrated
    self.tuning = tuning
  }

  /// The entrant's name in states: everything that its outcomes depend on but for the number of images that statistics are
  /// made of.
  public var key: String {
    let parts = [
      candidate.key, preprocessing.summary, isRecalibrated ? "recalibrated" : "stored",
      tuning?.key,
    ]
    return parts.compactMap(\.self).joined(separator: "; ")
  }

  /// This entrant before its tuning.
  public var untuned: Entrant {
    var base = self
    base.tuning = nil
    return base
  }
}

/// Fine-tuning of the last layers of a leader.
public struct Tuning: Sendable, Hashable {
  /// Layers that are trained.
  public enum Layers: String, Sendable, CaseIterable {
    /// The classifier.
    case classifier = "fc"
    /// The classifier, and scale and shift of the last BatchNorm.
    case classifierAndBatchNorm = "fc+bn"
    /// The classifier, and scale and shift of the last LayerNorm.
    case classifierAndLayerNorm = "fc+norm"
  }

  /// Layers that are trained.
  public var layers: Layers
  /// Learning rate, which a cosine takes to 0.
  public var learningRate: Double
  /// Passes over the training images.
  public var epochs: Int

  /// Tuning with everything given.
  public init(layers: Layers, learningRate: Double, epochs: Int = 30) {
    self.layers = layers
    self.learningRate = learningRate
    self.epochs = epochs
  }

  /// The name in states and reports.
  public var key: String { "\(layers.rawValue), rate \(learningRate), \(epochs) epochs" }
}

/// A set of labeled images that entrants are measured on.
public enum ImageSet: String, Sendable, CaseIterable {
  /// The images that choose and, but for a test set, score.
  case validation = "val"
  /// Images that have no part in any choice.
  case test
}

/// Outcomes of one entrant on some images.
public struct EntrantOutcomes: Sendable, Equatable {
  /// Number of classes ranked above the true one, for each image.
  public var ranks: [Int32]
  /// Cross-entropy of each image in nats.
  public var losses: [Double]

  /// Outcomes with everything given.
  public init(ranks: [Int32], losses: [Double]) {
    self.ranks = ranks
    self.losses = losses
  }

  /// Correctness of each image: true if its class had the highest logit.
  public var isCorrect: [Bool] { ranks.map { $0 == 0 } }
  /// Mean cross-entropy in nats; 0 without images.
  public var meanLoss: Double { losses.reduce(0, +) / Double(max(losses.count, 1)) }
}

/// Source of outcomes for a search: networks on images, or a simulation of them.
public protocol SearchWorld: AnyObject {
  /// Multiply-adds of an entrant for one image.
  func multiplyAdds(of entrant: Entrant) throws -> Int

  /// Outcomes of entrants on images of a set, measured unless they are known.
  ///
  /// - Parameters:
  ///   - entrants: Entrants to measure, each once.
  ///   - set: The set of images.
  ///   - places: Places of the images in the order in which the search visits the set.
  ///   - statisticsImages: Number of training images that recalibrated statistics are made of.
  /// - Returns: Outcomes of each entrant in the order of the places.
  func outcomes(
    of entrants: [Entrant], on set: ImageSet, places: Range<Int>, statisticsImages: Int
  ) throws -> [EntrantOutcomes]

  /// True if these outcomes are known already.
  func isKnown(_ entrant: Entrant, on set: ImageSet, places: Range<Int>, statisticsImages: Int) -> Bool

  /// Cost so far, including earlier runs that a state is of.
  var spent: SearchCost { get }
}
