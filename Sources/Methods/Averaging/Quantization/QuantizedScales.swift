import Checkpoint
import Platform
import Synchronization

/// The scales of quantised tensors in the output, known before their elements can be.
///
/// Symmetric: the largest magnitude along a channel becomes the largest element.
struct QuantizedScales {
  /// By index of the plan and name of the quantised tensor.
  private var scales: [Key: [Double]] = [:]

  private struct Key: Hashable {
    var plan: Int
    var name: TensorName
  }

  /// Reads the quantised tensors once.
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
        // Maxima do not depend on the order in which they are taken.
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

  /// Scales as the output's type stores them; a channel of zeros keeps the scale of the newest checkpoint.
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
