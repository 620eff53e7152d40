import Checkpoint

/// Statistics that need all values of an element, or two sums of them.
extension PassWorker {
  /// Number of values in memory at a time for statistics that need those of all inputs.
  private static let valueCount = 1 << 16

  /// Sums without the smallest and largest values. All inputs are in memory, with fewer elements the more
  /// inputs there are.
  func trimmedSum(
    _ entry: AveragingPlan.Entry, _ elements: Range<Int>, inputs members: Range<Int>, trim: Int,
    into sum: UnsafeMutableBufferPointer<Double>
  ) throws {
    let width = max(1, min(elements.count, Self.valueCount / members.count))
    let values = UnsafeMutableBufferPointer<Double>.allocate(capacity: width * members.count)
    defer { values.deallocate() }
    for start in stride(from: elements.lowerBound, to: elements.upperBound, by: width) {
      let part = start..<min(start + width, elements.upperBound)
      for (row, input) in members.enumerated() {
        try widen(entry, input, part, isFirst: row == 0, into: values.baseAddress! + row * part.count)
      }
      let isFinite = kernel.trimmedSum(
        values.baseAddress!, inputs: members.count, count: part.count, trim: trim,
        into: sum.baseAddress! + (start - elements.lowerBound))
      // NaN may have been sorted away: the rounding that follows must see it.
      if !isFinite { sum[start - elements.lowerBound] = .nan }
    }
  }

  /// The first input plus the differences of the others from it that a rule keeps.
  func election(
    _ entry: AveragingPlan.Entry, _ elements: Range<Int>, inputs members: Range<Int>, rule: ElectionRule,
    into sum: UnsafeMutableBufferPointer<Double>
  ) throws {
    let width = max(1, min(elements.count, Self.valueCount / members.count))
    let values = UnsafeMutableBufferPointer<Double>.allocate(capacity: width * members.count)
    defer { values.deallocate() }
    for start in stride(from: elements.lowerBound, to: elements.upperBound, by: width) {
      let part = start..<min(start + width, elements.upperBound)
      for (row, input) in members.enumerated() {
        try widen(entry, input, part, isFirst: row == 0, into: values.baseAddress! + row * part.count)
      }
      for (offset, element) in part.enumerated() {
        sum[element - elements.lowerBound] = rule.value(element, origin: values[offset]) { model in
          values[(model + 1) * part.count + offset]
        }
      }
    }
  }

  /// Variances by Welford's method, not below `floor`.
  func variance(
    _ entry: AveragingPlan.Entry, _ elements: Range<Int>, inputs members: Range<Int>, floor: Double,
    into sum: UnsafeMutableBufferPointer<Double>
  ) throws {
    let values = UnsafeMutableBufferPointer<Double>.allocate(capacity: 2 * elements.count)
    defer { values.deallocate() }
    let mean = values.baseAddress! + elements.count
    mean.update(repeating: 0, count: elements.count)
    sum.baseAddress!.update(repeating: 0, count: elements.count)
    for (row, input) in members.enumerated() {
      try widen(entry, input, elements, isFirst: row == 0, into: values.baseAddress!)
      kernel.welford(
        values.baseAddress!, number: row + 1, count: elements.count, mean: mean, squares: sum.baseAddress!)
    }
    for element in 0..<elements.count {
      let variance = sum[element] / Double(members.count)
      // Written so that NaN is kept.
      sum[element] = variance < floor ? floor : variance
    }
  }

  private func widen(
    _ entry: AveragingPlan.Entry, _ input: Int, _ elements: Range<Int>, isFirst: Bool,
    into values: UnsafeMutablePointer<Double>
  ) throws {
    try load(entry, input, elements, into: inputs[0])
    let data = UnsafeMutableRawBufferPointer(
      rebasing: inputs[0][..<(elements.count * entry.input.dtype.bitWidth / 8)])
    if isFirst { first.copyMemory(from: UnsafeRawBufferPointer(data)) } else { compare(data, with: first) }
    try widen(UnsafeRawBufferPointer(inputs[0]), entry, input, elements, into: values)
  }
}
