import TensorMath

/// Some images of a data set as network inputs.
public struct ImageBatch: Sendable {
  /// One tensor per preprocessing, `[n, crop, crop, 3]`, normalized.
  public let views: [Tensor]
  /// Class of each image, -1 where unlabeled.
  public let labels: [Int]
  /// Index of each image in the data set.
  public let indices: [Int]
}
