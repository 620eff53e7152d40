import Checkpoint

extension PassWorker {
  /// The first element that made the result infinite or NaN, and the file it comes from.
  func culprit(
    _ segment: TaskList.Segment, _ plan: AveragingPlan, _ divisor: Double,
    _ sum: UnsafeMutableBufferPointer<Double>
  ) throws -> AveragingError {
    let entry = plan.entries[segment.entry]
    let count = segment.elements.count
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: count * entry.input.dtype.bitWidth / 8, alignment: 64)
    defer { bytes.deallocate() }
    var first: (element: Int, input: Int, value: Double)?
    for input in plan.contributors(to: entry) {
      try load(entry, input, segment.elements, into: bytes)
      let values = try [Double](unsafeUninitializedCapacity: count) { buffer, initialized in
        try widen(UnsafeRawBufferPointer(bytes), entry, input, segment.elements, into: buffer.baseAddress!)
        initialized = count
      }
      if let element = values.prefix(first?.element ?? count).firstIndex(where: { !$0.isFinite }) {
        first = (element, input, values[element])
      }
    }
    if let first {
      return .notFinite(
        file: plan.series.members[first.input].label, entry.input.name,
        index: entry.input.index(of: segment.elements.lowerBound + first.element), value: first.value)
    }
    let quotients = (0..<count).map { sum[$0] / divisor }
    let element = try quotients.firstIndex { value in
      try !value.isFinite || TensorValue.overflows(value, entry.output.dtype)
    }!
    return .overflow(
      entry.output.name, entry.output.dtype,
      index: entry.output.index(of: segment.elements.lowerBound + element), value: quotients[element])
  }
}

extension TensorValue {
  fileprivate static func overflows(_ value: Double, _ dtype: DType) throws -> Bool {
    var bytes: [UInt8] = Array(repeating: 0, count: dtype.bitWidth / 8)
    return [value].withUnsafeBufferPointer { source in
      bytes.withUnsafeMutableBytes { ElementConversion.narrow(source, to: dtype, into: $0) != nil }
    }
  }
}

extension TensorSpec {
  /// The coordinates of an element, outermost first.
  func index(of element: Int) -> [Int] {
    var rest = element
    var index = [Int](repeating: 0, count: shape.count)
    for axis in shape.indices.reversed() {
      index[axis] = rest % shape[axis]
      rest /= shape[axis]
    }
    return index
  }
}
