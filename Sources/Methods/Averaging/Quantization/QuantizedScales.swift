import Checkpoint
import Platform
import Synchronization

/// The scales of quantized tensors in the output, which must be known before their elements.
///
/// Symmetric: the largest magnitude along a channel becomes the largest element.
struct QuantizedScales {
  /// Scales by index of the plan and name of the quantized tensor.
  private var scales: [Key: [Double]] = [:]

  private struct Key: Hashable {
    var plan: Int
    var name: TensorName
  }

  /// Reads the quantized tensors once.
  init(_ plans: [AveragingPlan], _ workers: [PassWorker], pool: ThreadPool) throws {
    for (index, entry) in plans[0].entries.enumerated() {
      guard let quantization = entry.quantization, entry.output.dtype == entry.input.dtype else { continue }
      let slice = PassWorker.sliceBytes / 8
      let count = entry.input.elementCount
      let peaks = Mutex(
        [[Double]](
          repeating: Array(repeating: 0, count: quantization.scale.elementCount), count: plans.count))
      try pool.forEach((count + slice - 1) / slice) { (task, number) throws in
        let elements = task * slice..<min(count, (task + 1) * slice)
        let parts = try workers[number].peaks(of: TaskList.Segment(entry: index, elements: elements))
        // Maxima do not depend on the order in which they are computed.
        peaks.withLock { peaks in
          for (plan, part) in parts.enumerated() {
            for (scale, peak) in part { peaks[plan][scale] = max(peaks[plan][scale], peak) }
          }
        }
      }
      for (plan, peaks) in peaks.withLock({ $0 }).enumerated() {
        scales[Key(plan: plan, name: entry.input.name)] = try Self.scales(
          peaks, entry, quantization, plans[plan])
      }
    }
  }

  func values(_ name: TensorName, plan: Int) -> [Double]? { scales[Key(plan: plan, name: name)] }

  /// Scales in the output's type; a channel of zeros keeps the scale of the newest checkpoint.
  private static func scales(
    _ peaks: [Double], _ entry: AveragingPlan.Entry, _ quantization: Quantization, _ plan: AveragingPlan
  ) throws -> [Double] {
    let limit = Quantization.largestElement(entry.input.dtype)
    let old = try plan.series.members[plan.latest].finiteValues(quantization.scale.name)
    let new = zip(peaks, old).map { $0 == 0 ? $1 : $0 / limit }
    let spec = quantization.scale
    let stored = try TensorValue(doubles: new, shape: spec.shape, dtype: spec.dtype, name: spec.name)
      .doubles()
    // A type of few bits may round a tiny scale to zero.
    if let index = stored.firstIndex(of: 0) {
      throw AveragingError.overflow(spec.name, spec.dtype, index: spec.index(of: index), value: new[index])
    }
    return stored
  }
}
