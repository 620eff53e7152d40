import ImageData
import NetworkExecution

/// Source of training targets besides the labels.
struct Teacher {
  enum Outputs {
    /// Logits of the images as they are tested, [images, classes].
    case stored([Float])
    /// A network, and how it sees the images.
    case network(Network, Preprocessing)
  }

  let outputs: Outputs
  /// Identity of its tensors.
  let digest: String

  /// The logits on all images of `dataset`, [images, classes].
  func logits(on dataset: any ImageDataset, stage: FeatureStage) throws -> [Float] {
    switch outputs {
    case .stored(let logits): return logits
    case .network(let network, let view):
      var logits: [Float] = []
      let label = "teacher's outputs on \(dataset.name)"
      try stage.forEachBatch(of: AugmentedDataset(base: dataset), as: view, label: label) { images in
        logits += try network.logits(images).values
      }
      return logits
    }
  }
}
