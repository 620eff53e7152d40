import Checkpoint

extension PassWorker {
  /// The first element that made the result infinite or NaN, and its file.
  func nonFiniteElement(
    _ segment: TaskList.Segment, _ plan: AveragingPlan, _ divisor: Double,
    _ sum: UnsafeMutableBufferPointer<Double>
  ) throws -> AveragingError {
    let entry = plan.entries[segment.entry]
    var first: (element: Int, input: Int, value: Double)?
    for input in plan.contributors(to: entry) {
      let values = try valuesAgain(entry, input, segment.elements)
      if let element = values.prefix(first?.element ?? values.count).firstIndex(where: { !$0.isFinite }) {
        first = (element, input, values[element])
      }
    }
    if let first {
      return .notFinite(
        file: plan.series.members[first.input].label, entry.input.name,
        index: entry.input.index(of: segment.elements.lowerBound + first.element), value: first.value)
    }
    return try overflow(segment, entry, (0..<segment.elements.count).map { sum[$0] / divisor })!
  }

  /// The first element of finite inputs that the output cannot represent; nil if it can represent all.
  private func overflow(
    _ segment: TaskList.Segment, _ entry: AveragingPlan.Entry, _ quotients: [Double],
    besides constants: [Int] = []
  ) throws -> AveragingError? {
    let constants = Set(constants)
    let element = try quotients.indices.first { index in
      guard !constants.contains(index) else { return false }
      return try !quotients[index].isFinite || TensorValue.overflows(quotients[index], entry.outputType)
    }
    return element.map { element in
      .overflow(
        entry.output.name, entry.outputType,
        index: entry.input.index(of: segment.elements.lowerBound + element), value: quotients[element])
    }
  }

  /// Some elements of a checkpoint that has already been read.
  private func valuesAgain(
    _ entry: AveragingPlan.Entry, _ input: Int, _ elements: Range<Int>
  ) throws -> [Double] {
    let bytes = UnsafeMutableRawBufferPointer.allocate(
      byteCount: elements.count * entry.input.dtype.bitWidth / 8, alignment: 64)
    defer { bytes.deallocate() }
    try readAgain(entry, input, elements, into: bytes.baseAddress!)
    return try [Double](unsafeUninitializedCapacity: elements.count) { buffer, initialized in
      try widen(UnsafeRawBufferPointer(bytes), entry, input, elements, into: buffer.baseAddress!)
      initialized = elements.count
    }
  }

  /// The bytes of some elements of a checkpoint that has already been read, so that digests do not count them
  /// twice.
  func readAgain(
    _ entry: AveragingPlan.Entry, _ input: Int, _ elements: Range<Int>, into target: UnsafeMutableRawPointer
  ) throws {
    let width = entry.input.dtype.bitWidth / 8
    try plans[0].series.members[input].read(
      entry.input.name, at: elements.lowerBound * width,
      into: UnsafeMutableRawBufferPointer(start: target, count: elements.count * width))
  }
}

extension PassWorker {
  /// Writes a piece with values that have no average, such as masks of -∞, if all checkpoints agree on it.
  ///
  /// A single checkpoint agrees with itself; its infinities are copied, while NaN is a broken model.
  ///
  /// - Throws: `AveragingError` that names the value, when the checkpoints differ in this piece or in another
  ///   one of the same tensor.
  func passConstants(_ segment: TaskList.Segment, output index: Int, divisor: Double) throws {
    let plan = plans[index]
    let entry = plan.entries[segment.entry]
    let failure = try nonFiniteElement(segment, plan, divisor, sums[index])
    guard agrees, entry.quantization == nil, case .notFinite = failure, case .combine = entry.operation
    else { throw failure }
    let inputs = plan.contributors(to: entry)
    let values = try valuesAgain(entry, inputs[0], segment.elements)
    let places = values.indices.filter { !values[$0].isFinite }
    if inputs.count == 1 && places.contains(where: { values[$0].isNaN }) { throw failure }
    if let state = plan.state {
      let before = try valuesBefore(state, entry, segment.elements)
      let hasChanged = places.contains {
        before[$0].isNaN ? !values[$0].isNaN : before[$0] != values[$0]
      }
      if hasChanged { throw failure }
    }
    let results: [Double]
    if plan.keepsConstants(entry) {
      results = values
    } else if entry.isAverage {
      // Sums of a state, or with weights that do not add up to one.
      var quotients = values.indices.map { sums[index][$0] / divisor }
      for place in places { quotients[place] = values[place] }
      results = quotients
    } else {
      results = values.map { _ in plan.spread(entry) }
    }
    if let failure = try overflow(segment, entry, results, besides: entry.isAverage ? places : []) {
      throw failure
    }
    let target = outputs[index].baseAddress! + used
    if plan.keepsConstants(entry) && entry.outputType == entry.input.dtype {
      try readAgain(entry, inputs[0], segment.elements, into: target)
    } else {
      _ = results.withUnsafeBufferPointer {
        ElementConversion.narrow(
          $0, to: entry.outputType,
          into: UnsafeMutableRawBufferPointer(
            start: target, count: values.count * entry.outputType.bitWidth / 8))
      }
    }
    try constants.pass(segment.entry, failure)
  }

  private func valuesBefore(
    _ state: AveragingState, _ entry: AveragingPlan.Entry, _ elements: Range<Int>
  ) throws -> [Double] {
    try [Double](unsafeUninitializedCapacity: elements.count) { buffer, initialized in
      try state.source.read(
        entry.input.name, at: elements.lowerBound * 8, into: UnsafeMutableRawBufferPointer(buffer))
      initialized = elements.count
    }
  }
}

extension AveragingPlan {
  /// True if the combination of equal values is that value.
  func keepsConstants(_ entry: Entry) -> Bool {
    guard entry.isAverage, entry.quantization == nil, state == nil,
      case .combine(let combination) = entry.operation
    else { return false }
    switch combination {
    case .linear(let linear): return abs(linear.weights.reduce(0, +) - 1) < 1e-9
    case .trimmedMean, .election: return true
    case .variance: return false
    }
  }

  /// Value of a companion of an average, a variance or a deviation, for equal inputs.
  fileprivate func spread(_ entry: Entry) -> Double {
    if case .combine(.variance(_, let floor)) = entry.operation { floor } else { 0 }
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
