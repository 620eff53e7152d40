import ArgumentParser
import Checkpoint
import Command
import ImageData
import NetworkExecution

/// Precision of the network's arithmetic.
package struct ArithmeticOptions: ParsableArguments {
  @Flag(help: "Sum 3x3 convolutions product by product: slower, with more accurate last bits.")
  package var exact = false

  @Option(
    name: .customLong("compute"),
    help: ArgumentHelp(
      "Element type of products in convolutions; bf16 is up to three times as fast and rounds to 8 bits, "
        + "and its effect on the predictions is reported.", valueName: "f32|bf16"))
  package var precision = ComputePrecision.float32

  package init() {}

  package func validate() throws {
    if exact && precision == .bfloat16 {
      throw ValidationError("--exact and --compute bf16 contradict each other")
    }
  }

  /// - Parameter tiles: Summation of 3x3 convolutions without `--exact`.
  package func compute(tiles: ConvolutionSums = .largeTiles) -> ComputeOptions {
    ComputeOptions(sums: exact ? .direct : tiles, precision: precision)
  }

  /// Settings that the results depend on, for provenance.
  package var history: [(String, JSON)] {
    (exact ? [("exact", .bool(true))] : [])
      + (precision == .float32 ? [] : [("compute", .string(precision.rawValue))])
  }
}

extension ComputePrecision: ExpressibleByArgument {}

/// Effect of rounding to bfloat16 on a network's logits on some images, compared with float32.
package struct PrecisionLoss {
  package let images: Int
  /// Images whose largest logit is of another class.
  package let changedPredictions: Int
  /// The largest difference of a logit, relative to the largest logit.
  package let largestError: Double

  private static let mostImages = 64
  private static let batchSize = 16

  /// Runs both on images from all parts of a data set, at most 64.
  ///
  /// - Parameter preprocessing: how the images are shown.
  package init(
    of model: LoadedModel, on dataset: any ImageDataset, as preprocessing: Preprocessing, workers: Int
  ) throws {
    let exact = try model.network(ComputeOptions())
    let count = min(dataset.count, Self.mostImages)
    let loader = BatchLoader(
      dataset, indices: (0..<count).map { $0 * dataset.count / count }, batchSize: Self.batchSize,
      views: [preprocessing], workers: workers)
    let classes = exact.classCount
    var (changed, error, largest) = (0, 0.0, 0.0)
    while let batch = try loader.next() {
      let expected = try exact.logits(batch.views[0]).values
      let found = try model.network.logits(batch.views[0]).values
      for (x, y) in zip(found, expected) {
        error = max(error, abs(Double(x) - Double(y)))
        largest = max(largest, abs(Double(y)))
      }
      for image in 0..<batch.indices.count {
        let range = image * classes..<(image + 1) * classes
        if found[range].prediction != expected[range].prediction { changed += 1 }
      }
    }
    images = count
    changedPredictions = changed
    largestError = largest > 0 ? error / largest : error
  }

  package var text: String {
    let percent = (largestError * 1e4).rounded() / 100
    return
      "--compute bf16: \(changedPredictions) of \(images) predictions differ from those of f32; logits by up to "
      + "\(percent) % of the largest"
  }
}

extension ArraySlice<Float> {
  /// The place of the largest, the first of equals.
  fileprivate var prediction: Int { indices.max { (self[$0], $1) < (self[$1], $0) }! - startIndex }
}

extension ArithmeticOptions {
  /// Reports what `--compute bf16` does to a model's predictions on images of `dataset`.
  package func reportLoss(
    of model: LoadedModel, on dataset: any ImageDataset, as preprocessing: Preprocessing, workers: Int,
    console: Console
  ) throws {
    guard precision == .bfloat16, dataset.count > 0 else { return }
    let loss = try PrecisionLoss(of: model, on: dataset, as: preprocessing, workers: workers)
    console.notice("\(model.source.label): \(loss.text)")
  }
}
