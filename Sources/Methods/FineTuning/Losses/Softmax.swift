import Platform

/// Log-softmax of one row of logits, shifted by the maximum so that no exponential overflows.
///
/// - Parameter temperature: divides the logits first.
func logSoftmax(_ logits: ArraySlice<Double>, temperature: Double = 1) -> [Double] {
  let maximum = logits.max() ?? 0
  var shifted = [Double](repeating: 0, count: logits.count)
  var sum = 0.0
  for (j, logit) in logits.enumerated() {
    shifted[j] = (logit - maximum) / temperature
    sum += exp(shifted[j])
  }
  let logSum = log(sum)
  for j in shifted.indices { shifted[j] -= logSum }
  return shifted
}
