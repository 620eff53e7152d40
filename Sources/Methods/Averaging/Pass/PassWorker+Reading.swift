import Checkpoint
import Platform

/// Reads the data of the series into memory, and computes linear sums of them.
extension PassWorker {
  /// The weighted sums of some plans, each input read once.
  func accumulate(_ tensor: TensorWork, _ elements: Range<Int>) throws {
    let entry = tensor.entry
    var cursors = [Int](repeating: 0, count: tensor.sums.count)
    for sum in tensor.sums {
      let target = UnsafeMutableBufferPointer(rebasing: sums[sum.plan][..<elements.count])
      if let state = sum.state {
        try state.source.read(
          entry.input.name, at: elements.lowerBound * 8, into: UnsafeMutableRawBufferPointer(target))
      } else if sum.steps.inputs.isEmpty {
        // An empty sum, such as the first deviation of SWAG.
        target.update(repeating: 0)
      }
    }
    for start in stride(from: 0, to: tensor.needed.count, by: inputs.count) {
      let group = start..<min(start + inputs.count, tensor.needed.count)
      let pointers = try load(tensor, group, elements)
      for (index, sum) in tensor.sums.enumerated() {
        let all = sum.steps.inputs
        let first = cursors[index]
        var last = first
        while last < all.count && all[last] <= tensor.needed[group.upperBound - 1] { last += 1 }
        if first == last { continue }
        let slots =
          last - first == group.count
          ? pointers : all[first..<last].map { pointers[tensor.needed[group].firstIndex(of: $0)! - start] }
        try accumulate(
          slots, tensor, Array(all[first..<last]), Array(sum.steps.steps[first..<last]), elements,
          resumes: first > 0 || sum.state != nil, into: sums[sum.plan])
        cursors[index] = last
      }
    }
  }

  private func accumulate(
    _ slots: [UnsafeRawPointer?], _ tensor: TensorWork, _ members: [Int],
    _ steps: [LinearCombination.Update], _ elements: Range<Int>, resumes: Bool,
    into sum: UnsafeMutableBufferPointer<Double>
  ) throws {
    let entry = tensor.entry
    if Kernel.isNative(entry.input.dtype) {
      return kernel.accumulate(
        slots, entry.input.dtype, steps: steps, count: elements.count, resumes: resumes,
        into: sum.baseAddress!)
    }
    for (index, slot) in slots.enumerated() {
      let values = UnsafeMutableBufferPointer(rebasing: widened[..<elements.count])
      try widen(
        UnsafeRawBufferPointer(start: slot, count: elements.count), entry, members[index], elements,
        into: values.baseAddress!)
      kernel.accumulate(
        [UnsafeRawPointer(values.baseAddress)], .f64, steps: [steps[index]], count: elements.count,
        resumes: resumes || index > 0, into: sum.baseAddress!)
    }
  }

  /// Elements as weights in float64.
  func widen(
    _ bytes: UnsafeRawBufferPointer, _ entry: AveragingPlan.Entry, _ input: Int, _ elements: Range<Int>,
    into values: UnsafeMutablePointer<Double>
  ) throws {
    ElementConversion.widen(
      bytes, entry.input.dtype, into: UnsafeMutableBufferPointer(start: values, count: elements.count))
    if let quantization = entry.quantization {
      quantization.dequantize(values, of: entry.input, elements, by: try inputScales(quantization, input))
    }
  }

  private func inputScales(_ quantization: Quantization, _ input: Int) throws -> [Double] {
    if knownScales?.tensor != quantization.scale.name { knownScales = (quantization.scale.name, [:]) }
    if let known = knownScales?.values[input] { return known }
    let values = try plans[0].series.members[input].finiteValues(quantization.scale.name)
    knownScales?.values[input] = values
    return values
  }

  /// The data of some checkpoints.
  func load(_ tensor: TensorWork, _ group: Range<Int>, _ elements: Range<Int>) throws
    -> [UnsafeRawPointer?]
  {
    let width = tensor.entry.input.dtype.bitWidth / 8
    return try zip(group, inputs).map { place, buffer in
      let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(elements.count * width)])
      try tensor.readers[place](elements.lowerBound * width, target)
      account(tensor.entry, tensor.needed[place], at: elements.lowerBound * width, target)
      if place > 0 {
        compare(target, with: group.lowerBound > 0 ? first : inputs[0])
      } else if tensor.needed.count > group.count {
        first.copyMemory(from: UnsafeRawBufferPointer(target))
      }
      return UnsafeRawPointer(buffer.baseAddress)
    }
  }

  /// Records if some elements equal those of the first checkpoint; different ones usually differ early.
  func compare(_ data: UnsafeMutableRawBufferPointer, with first: UnsafeMutableRawBufferPointer) {
    guard agrees, let a = data.baseAddress, let b = first.baseAddress else { return }
    agrees = memcmp(a, b, data.count) == 0
  }

  func load(
    _ entry: AveragingPlan.Entry, _ input: Int, _ elements: Range<Int>,
    into buffer: UnsafeMutableRawBufferPointer
  ) throws {
    let width = entry.input.dtype.bitWidth / 8
    let target = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(elements.count * width)])
    try read(entry, input, at: elements.lowerBound * width, into: target)
  }

  func read(
    _ entry: AveragingPlan.Entry, _ input: Int, at offset: Int, into target: UnsafeMutableRawBufferPointer
  ) throws {
    try plans[0].series.members[input].read(entry.input.name, at: offset, into: target)
    account(entry, input, at: offset, target)
  }

  private func account(
    _ entry: AveragingPlan.Entry, _ input: Int, at offset: Int, _ data: UnsafeMutableRawBufferPointer
  ) {
    bytesRead += data.count
    if computesDigests {
      reads.append(
        Read(
          input: input, tensor: entry.input.name, offset: offset, count: data.count,
          checksum: crc32(UnsafeRawBufferPointer(data))))
    }
  }
}

/// Memory for the pieces of a pass's outputs, which is passed from thread to thread.
///
/// A waiting piece keeps its memory, and its thread continues with another one: pages that the system has
/// provided are reused, where a copy would need new ones each time.
final class PieceBuffers: @unchecked Sendable {
  /// One buffer per output.
  typealias Buffers = [UnsafeMutableRawBufferPointer]

  private let byteCount: Int
  private let outputs: Int
  private let lock = Condition()
  private var all: [Buffers] = []
  private var free: [Buffers] = []

  init(outputs: Int, byteCount: Int) {
    self.outputs = outputs
    self.byteCount = byteCount
  }

  deinit { for buffer in all.joined() { buffer.deallocate() } }

  /// Unused buffers; this object still owns them.
  func take() -> Buffers {
    lock.withLock {
      if let buffers = free.popLast() { return buffers }
      let buffers: Buffers = (0..<outputs).map { _ in .allocate(byteCount: byteCount, alignment: 64) }
      all.append(buffers)
      return buffers
    }
  }

  /// Returns buffers.
  func give(_ buffers: Buffers) { lock.withLock { free.append(buffers) } }
}
