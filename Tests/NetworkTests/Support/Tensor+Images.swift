import TensorMath

extension Tensor {
  /// A copy of some images of `[n, h, w, c]`.
  func images(_ range: Range<Int>) -> Tensor {
    let each = count / shape[0]
    return Tensor(
      shape: [range.count] + shape[1...],
      values: Array(values[range.lowerBound * each..<range.upperBound * each]))
  }
}
