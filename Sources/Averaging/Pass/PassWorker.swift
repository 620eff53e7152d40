import Checkpoint

/// The scratch memory of one thread of a pass, and the arithmetic on one piece of the output.
final class PassWorker: @unchecked Sendable {
  /// Bytes of an input that are in memory at a time.
  static let sliceBytes = 1 << 16
  /// Inputs that are in memory at a time; longer series go through in groups, the sums staying.
  static let groupSize = 16

  /// A piece of an input file that has been read.
  struct Read {
    let input: Int
    let tensor: TensorName
    let offset: Int
    let count: Int
    let checksum: UInt32
  }

  let plans: [AveragingPlan]
  let kernel: Kernel
  private let computesDigests: Bool
  let inputs: [UnsafeMutableRawBufferPointer]
  let widened: UnsafeMutableBufferPointer<Double>
  let sums: [UnsafeMutableBufferPointer<Double>]
  let outputs: [UnsafeMutableRawBufferPointer]
  private(set) var used = 0
  private(set) var reads: [Read] = []
  private(set) var bytesRead = 0

  init(_ plans: [AveragingPlan], kernel: Kernel, computesDigests: Bool) {
    self.plans = plans
    self.kernel = kernel
    self.computesDigests = computesDigests
    let members = min(Self.groupSize, plans[0].series.members.count)
    // Elements have two bytes or more, or are widened to eight.
    let elements = Self.sliceBytes / 2
    inputs = (0..<members).map { _ in .allocate(byteCount: Self.sliceBytes, alignment: 64) }
    widened = .allocate(capacity: Self.sliceBytes / 8)
    sums = plans.map { _ in .allocate(capacity: elements) }
    outputs = plans.map { _ in .allocate(byteCount: elements * 8, alignment: 64) }
  }

  deinit {
    for buffer in inputs + outputs { buffer.deallocate() }
    for buffer in sums { buffer.deallocate() }
    widened.deallocate()
  }

  /// Bytes an element takes in the buffers, the measure by which the work is cut.
  static func footprint(_ entry: AveragingPlan.Entry) -> Int {
    switch entry.operation {
    case .copy: 1
    case .convert, .combine: Kernel.isNative(entry.input.dtype) ? entry.input.dtype.bitWidth / 8 : 8
    }
  }

  /// Elements of an entry as they are counted here: bytes where bytes are copied.
  static func elementCount(_ entry: AveragingPlan.Entry) -> Int {
    if case .copy = entry.operation { return entry.input.byteCount }
    return entry.input.elementCount
  }

  /// The finished piece of every output.
  var pieces: [UnsafeRawBufferPointer] { outputs.map { UnsafeRawBufferPointer(rebasing: $0[..<used]) } }

  /// Forgets the last piece.
  func begin() {
    used = 0
    bytesRead = 0
    reads.removeAll(keepingCapacity: true)
  }

  /// Appends some elements of a tensor to the pieces in `outputs`.
  func process(_ segment: TaskList.Segment) throws {
    let entry = plans[0].entries[segment.entry]
    let outputBytes: Int
    if case .copy = entry.operation {
      outputBytes = segment.elements.count
      for (plan, output) in zip(plans, outputs) {
        guard case .copy(let input) = plan.entries[segment.entry].operation else { continue }
        let target = UnsafeMutableRawBufferPointer(rebasing: output[used..<used + outputBytes])
        try read(entry, input, at: segment.elements.lowerBound, into: target)
      }
    } else {
      outputBytes = segment.elements.count * entry.output.dtype.bitWidth / 8
      try combine(segment)
    }
    used += outputBytes
  }

  private func combine(_ segment: TaskList.Segment) throws {
    let entry = plans[0].entries[segment.entry]
    var sums: [Int: ActiveSteps] = [:]
    for (index, plan) in plans.enumerated() {
      let divisor: Double
      switch plan.entries[segment.entry].operation {
      case .combine(.trimmedMean(let inputs, let trim)):
        try trimmedSum(entry, segment.elements, inputs: inputs, trim: trim, into: self.sums[index])
        divisor = Double(inputs.count - 2 * trim)
      case .combine(.variance(let inputs, let floor)):
        try variance(entry, segment.elements, inputs: inputs, floor: floor, into: self.sums[index])
        divisor = 1
      case let operation:
        sums[index] = ActiveSteps(operation, inputs: plan.series.members.count)
        continue
      }
      try finish(segment, output: index, divisor: divisor)
    }
    guard !sums.isEmpty else { return }
    try accumulate(entry, segment.elements, sums)
    for (index, part) in sums { try finish(segment, output: index, divisor: part.divisor) }
  }

  /// Rounds the sums of an output into its piece.
  private func finish(_ segment: TaskList.Segment, output index: Int, divisor: Double) throws {
    let failed = kernel.round(
      sums[index].baseAddress!, divisor: divisor, count: segment.elements.count,
      to: plans[0].entries[segment.entry].output.dtype, into: outputs[index].baseAddress! + used)
    if failed { throw try culprit(segment, plans[index], divisor, sums[index]) }
  }

  /// The weighted sums of some outputs, each input read once.
  private func accumulate(
    _ entry: AveragingPlan.Entry, _ elements: Range<Int>, _ parts: [Int: ActiveSteps]
  ) throws {
    var cursors = parts.mapValues { _ in 0 }
    // A sum of nothing, such as the first deviation of SWAG.
    for (index, part) in parts where part.inputs.isEmpty {
      sums[index].baseAddress!.update(repeating: 0, count: elements.count)
    }
    let needed = Set(parts.values.flatMap(\.inputs)).sorted()
    for start in stride(from: 0, to: needed.count, by: inputs.count) {
      let group = needed[start..<min(start + inputs.count, needed.count)]
      for (slot, input) in group.enumerated() { try load(entry, input, elements, into: inputs[slot]) }
      for (index, part) in parts {
        let first = cursors[index]!
        let last = part.inputs[first...].prefix { $0 <= group.last! }.endIndex
        guard first < last else { continue }
        let slots = part.inputs[first..<last].map { inputs[group.firstIndex(of: $0)! - start] }
        accumulate(
          slots, entry.input.dtype, Array(part.steps[first..<last]), elements.count, resumes: first > 0,
          into: sums[index])
        cursors[index] = last
      }
    }
  }

  private func accumulate(
    _ slots: [UnsafeMutableRawBufferPointer], _ dtype: DType, _ steps: [LinearCombination.Step], _ count: Int,
    resumes: Bool, into sum: UnsafeMutableBufferPointer<Double>
  ) {
    if Kernel.isNative(dtype) {
      kernel.accumulate(
        slots.map { UnsafeRawPointer($0.baseAddress) }, dtype, steps: steps, count: count, resumes: resumes,
        into: sum.baseAddress!)
      return
    }
    for (index, slot) in slots.enumerated() {
      let values = UnsafeMutableBufferPointer(rebasing: widened[..<count])
      ElementConversion.widen(UnsafeRawBufferPointer(slot), dtype, into: values)
      kernel.accumulate(
        [UnsafeRawPointer(values.baseAddress)], .f64, steps: [steps[index]], count: count,
        resumes: resumes || index > 0, into: sum.baseAddress!)
    }
  }

  func load(
    _ entry: AveragingPlan.Entry, _ input: Int, _ elements: Range<Int>,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws {
    let width = entry.input.dtype.bitWidth / 8
    let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(elements.count * width)])
    try read(entry, input, at: elements.lowerBound * width, into: target)
  }

  private func read(
    _ entry: AveragingPlan.Entry, _ input: Int, at offset: Int, into target: UnsafeMutableRawBufferPointer
  ) throws {
    try plans[0].series.members[input].read(entry.input.name, at: offset, into: target)
    bytesRead += target.count
    if computesDigests {
      reads.append(
        Read(
          input: input, tensor: entry.input.name, offset: offset, count: target.count,
          checksum: crc32(UnsafeRawBufferPointer(target))))
    }
  }
}
