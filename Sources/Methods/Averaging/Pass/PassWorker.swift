import Checkpoint

/// The scratch memory of one thread of a pass, and the arithmetic on one piece of the output.
final class PassWorker: @unchecked Sendable {
  /// Bytes of an input that are processed at a time: fewer cost calls, and more than fit into the L2 cache
  /// for ten inputs are slower to add up. A stream can look back this far, which a second look at a slice
  /// needs.
  static let sliceBytes = StreamedCheckpoint.lookBack / 2
  /// Inputs that each of `threads` threads processes at a time; longer series are processed in groups that
  /// share the sums.
  ///
  /// Many threads get smaller groups, so that their total memory is bounded.
  static func groupSize(threads: Int) -> Int { max(2, min(16, 128 / threads)) }

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
  let inputs: [UnsafeMutableRawBufferPointer]
  let widened: UnsafeMutableBufferPointer<Double>
  let sums: [UnsafeMutableBufferPointer<Double>]
  private(set) var outputs: PieceBuffers.Buffers
  /// The scales of quantized outputs; set before pieces are computed.
  var scales: QuantizedScales?

  let computesDigests: Bool
  var knownScales: (tensor: TensorName, values: [Int: [Double]])?
  var reads: [Read] = []
  var bytesRead = 0
  /// True if the checkpoints read so far agree in every byte of the segment.
  var agrees = true
  /// The segment in the first of them, where `inputs` cannot keep it.
  let first: UnsafeMutableRawBufferPointer
  let constants: ConstantTensors
  private var work: (entry: Int, tensor: TensorWork)?
  private(set) var used = 0
  private let spare: PieceBuffers

  /// Memory for the outputs of some workers on the same plans.
  static func pieceBuffers(_ plans: [AveragingPlan]) -> PieceBuffers {
    PieceBuffers(outputs: plans.count, byteCount: elementLimit * 8)
  }

  /// Elements have two bytes or more, or are widened to eight.
  private static let elementLimit = sliceBytes / 2

  init(
    _ plans: [AveragingPlan], kernel: Kernel, computesDigests: Bool, threads: Int, spare: PieceBuffers,
    constants: ConstantTensors
  ) {
    self.plans = plans
    self.spare = spare
    self.constants = constants
    self.kernel = kernel
    self.computesDigests = computesDigests
    let members = plans[0].series.members
    let group = min(Self.groupSize(threads: threads), members.count)
    inputs = (0..<group).map { _ in .allocate(byteCount: Self.sliceBytes, alignment: 64) }
    first = .allocate(byteCount: Self.sliceBytes, alignment: 64)
    widened = .allocate(capacity: Self.sliceBytes / 8)
    sums = plans.map { _ in .allocate(capacity: Self.elementLimit) }
    outputs = spare.take()
  }

  deinit {
    for buffer in inputs { buffer.deallocate() }
    for buffer in sums { buffer.deallocate() }
    first.deallocate()
    widened.deallocate()
  }

  /// Bytes of an element in the buffers, the measure by which the work is divided.
  static func footprint(_ entry: AveragingPlan.Entry) -> Int {
    switch entry.operation {
    case .copy, .keep: 1
    case .scales: entry.output.dtype.bitWidth / 8
    case .convert, .combine: Kernel.isNative(entry.input.dtype) ? entry.input.dtype.bitWidth / 8 : 8
    }
  }

  /// Number of elements of an entry: bytes where bytes are copied.
  static func elementCount(_ entry: AveragingPlan.Entry) -> Int {
    switch entry.operation {
    case .copy, .keep: entry.input.byteCount
    case .scales, .convert, .combine: entry.input.elementCount
    }
  }

  /// Results and reads of the worker since `begin()`.
  struct Finished {
    let outputs: PieceBuffers.Buffers
    fileprivate let used: Int
    let reads: [Read]
    let bytesRead: Int

    /// The finished piece of every output.
    var pieces: [UnsafeRawBufferPointer] { outputs.map { UnsafeRawBufferPointer(rebasing: $0[..<used]) } }
  }

  /// The results so far, valid until the next `begin()`.
  var finished: Finished { Finished(outputs: outputs, used: used, reads: reads, bytesRead: bytesRead) }

  /// The results so far, for another thread to keep until it returns the memory.
  func passOn() -> Finished {
    defer {
      outputs = spare.take()
      reads = []
    }
    return finished
  }

  /// Discards the last piece.
  func begin() {
    used = 0
    bytesRead = 0
    reads.removeAll(keepingCapacity: true)
  }

  /// Appends some elements of a tensor to the pieces in `outputs`.
  func process(_ segment: TaskList.Segment) throws {
    let entry = plans[0].entries[segment.entry]
    let outputBytes = segment.elements.count * Self.outputWidth(entry)
    switch entry.operation {
    case .copy, .keep: try copy(segment, count: outputBytes)
    case .scales(let weight): try writeScales(of: weight, segment)
    case .convert, .combine: try combine(segment)
    }
    used += outputBytes
  }

  private static func outputWidth(_ entry: AveragingPlan.Entry) -> Int {
    switch entry.operation {
    case .copy, .keep: 1
    case .scales, .convert, .combine: entry.outputType.bitWidth / 8
    }
  }

  private func copy(_ segment: TaskList.Segment, count: Int) throws {
    let offset = segment.elements.lowerBound
    for (plan, output) in zip(plans, outputs) {
      let entry = plan.entries[segment.entry]
      let target = UnsafeMutableRawBufferPointer(rebasing: output[used..<used + count])
      if case .copy(let input) = entry.operation {
        try read(entry, input, at: offset, into: target)
      } else {
        try plan.state!.source.read(entry.input.name, at: offset, into: target)
      }
    }
  }

  private func combine(_ segment: TaskList.Segment) throws {
    let tensor = tensorWork(segment.entry)
    agrees = true
    for (plan, combination) in tensor.others {
      try accumulate(tensor.entry, segment.elements, combination, into: sums[plan])
      try finish(segment, output: plan, divisor: Self.divisor(combination))
    }
    if try !tensor.sums.isEmpty && !combineInOneGo(tensor, segment) {
      try accumulate(tensor, segment.elements)
      for sum in tensor.sums { try finish(segment, output: sum.plan, divisor: sum.steps.divisor) }
    }
    if !agrees && segment.elements.count < tensor.entry.input.elementCount {
      try constants.differ(segment.entry)
    }
  }

  /// A shortcut to the results where nothing else needs the sums, which then never leave the L1 cache.
  ///
  /// - Returns: False if this is no such case, or if a result is not finite or that of equal float64 values:
  ///   the sums explain the former, and the latter is copied.
  private func combineInOneGo(_ tensor: TensorWork, _ segment: TaskList.Segment) throws -> Bool {
    let (input, output) = (tensor.entry.input.dtype, tensor.entry.outputType)
    guard tensor.isPlain, Kernel.isNative(input), Kernel.isNative(output), tensor.needed.count <= inputs.count
    else { return false }
    let before = (reads: reads.count, bytes: bytesRead)
    let pointers = try load(tensor, tensor.needed.indices, segment.elements)
    let isDone =
      !(agrees && input == .f64 && output == .f64)
      && tensor.sums.allSatisfy { sum in
        kernel.combine(
          tensor.slots(of: sum, pointers), from: input, steps: sum.steps.steps,
          count: segment.elements.count, divisor: sum.steps.divisor, to: output,
          into: outputs[sum.plan].baseAddress! + used)
      }
    if !isDone {
      // The data will be read and counted once more.
      reads.removeSubrange(before.reads...)
      bytesRead = before.bytes
    }
    return isDone
  }

  private func tensorWork(_ entry: Int) -> TensorWork {
    if let work, work.entry == entry { return work.tensor }
    let tensor = TensorWork(plans, entry: entry)
    work = (entry, tensor)
    return tensor
  }

  /// The largest magnitudes of a quantized tensor along its channels, in each plan.
  func peaks(of segment: TaskList.Segment) throws -> [[(scale: Int, peak: Double)]] {
    let tensor = tensorWork(segment.entry)
    for (plan, combination) in tensor.others {
      try accumulate(tensor.entry, segment.elements, combination, into: sums[plan])
    }
    if !tensor.sums.isEmpty { try accumulate(tensor, segment.elements) }
    let divisors =
      tensor.others.map { ($0.plan, Self.divisor($0.combination)) }
      + tensor.sums.map { ($0.plan, $0.steps.divisor) }
    return try divisors.sorted { $0.0 < $1.0 }.map { plan, divisor in
      var result: [(scale: Int, peak: Double)] = []
      var isFinite = true
      tensor.entry.quantization!.forEachRun(tensor.entry.input, segment.elements) { scale, run in
        let peak = run.reduce(0.0) { max($0, abs(sums[plan][$1] / divisor)) }
        isFinite = isFinite && run.allSatisfy { sums[plan][$0].isFinite } && peak.isFinite
        result.append((scale, peak))
      }
      if !isFinite { throw try nonFiniteElement(segment, plans[plan], divisor, sums[plan]) }
      return result
    }
  }

  /// Sums of a nonlinear combination, and their divisor.
  private func accumulate(
    _ entry: AveragingPlan.Entry, _ elements: Range<Int>, _ combination: Combination,
    into sum: UnsafeMutableBufferPointer<Double>
  ) throws {
    switch combination {
    case .trimmedMean(let inputs, let trim):
      try trimmedSum(entry, elements, inputs: inputs, trim: trim, into: sum)
    case .variance(let inputs, let floor):
      try variance(entry, elements, inputs: inputs, floor: floor, into: sum)
    case .election(let inputs, let rule):
      try election(entry, elements, inputs: inputs, rule: rule, into: sum)
    case .linear: preconditionFailure("sums are made together")
    }
  }

  private static func divisor(_ combination: Combination) -> Double {
    if case .trimmedMean(let inputs, let trim) = combination { Double(inputs.count - 2 * trim) } else { 1 }
  }

  /// Rounds the sums of an output into its piece.
  private func finish(_ segment: TaskList.Segment, output index: Int, divisor: Double) throws {
    let entry = plans[0].entries[segment.entry]
    let target = outputs[index].baseAddress! + used
    let count = segment.elements.count
    if let quantization = entry.quantization, entry.output.dtype == entry.input.dtype {
      let scales = scales!.values(entry.input.name, plan: index)!
      let sums = sums[index]
      quantization.forEachRun(entry.input, segment.elements) { scale, run in
        for element in run { sums[element] /= divisor * scales[scale] }
      }
      // A scale of few bits may be rounded down: the largest value then lies slightly beyond the last
      // element.
      _ = ElementConversion.narrow(
        UnsafeBufferPointer(rebasing: sums[..<count]), to: entry.output.dtype,
        into: UnsafeMutableRawBufferPointer(start: target, count: count), saturating: true)
      return
    }
    let failed = kernel.round(
      sums[index].baseAddress!, divisor: divisor, count: count, to: entry.outputType, into: target)
    if failed {
      try passConstants(segment, output: index, divisor: divisor)
    } else if agrees, entry.input.dtype == .f64, entry.outputType == .f64, plans[index].keepsConstants(entry)
    {
      // A quotient of sums may differ in the last bit from the common value.
      try readAgain(entry, plans[index].contributors(to: entry).last!, segment.elements, into: target)
    }
    if entry.isVariance { try refuseNegative(segment, index, divisor) }
  }

  private func refuseNegative(_ segment: TaskList.Segment, _ output: Int, _ divisor: Double) throws {
    let entry = plans[0].entries[segment.entry]
    guard case .combine = entry.operation,
      let element = (0..<segment.elements.count).first(where: { sums[output][$0] / divisor < 0 })
    else { return }
    throw AveragingError.negativeVariance(
      entry.output.name, index: entry.input.index(of: segment.elements.lowerBound + element),
      value: sums[output][element] / divisor)
  }

  private func writeScales(of weight: TensorName, _ segment: TaskList.Segment) throws {
    let spec = plans[0].entries[segment.entry].output
    for (index, output) in outputs.enumerated() {
      let values = scales!.values(weight, plan: index)!
      let bytes = try TensorValue(
        doubles: Array(values[segment.elements]), shape: [segment.elements.count], dtype: spec.dtype
      ).bytes
      UnsafeMutableRawBufferPointer(rebasing: output[used...]).copyBytes(from: bytes)
    }
  }
}
