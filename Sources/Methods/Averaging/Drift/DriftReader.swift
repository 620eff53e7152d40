import Checkpoint

/// Reads some elements of all checkpoints and computes the squares of their differences.
struct DriftReader: Sendable {
  /// Values in memory at a time, over all checkpoints.
  private static let valueCount = 1 << 18

  let series: Series
  let quantized: [TensorName: Quantization]
  /// Elements of a tensor in memory at a time.
  let sliceElements: Int

  init(_ series: Series, _ quantized: [TensorName: Quantization]) {
    self.series = series
    self.quantized = quantized
    sliceElements = max(64, min(1 << 14, Self.valueCount / series.members.count))
  }

  func squares(_ tensor: TensorSpec, _ elements: Range<Int>) throws -> DriftSquares {
    let (inputs, count) = (series.members.count, elements.count)
    var result = DriftSquares(count: inputs)
    let values = UnsafeMutableBufferPointer<Double>.allocate(capacity: inputs * count)
    let mean = UnsafeMutableBufferPointer<Double>.allocate(capacity: count)
    defer {
      values.deallocate()
      mean.deallocate()
    }
    mean.update(repeating: 0)
    for input in 0..<inputs {
      let row = UnsafeMutableBufferPointer(rebasing: values[input * count..<(input + 1) * count])
      try read(tensor, input, elements, into: row)
      for element in 0..<count { mean[element] += row[element] }
      result.norms[input] = Self.sumOfSquares(count) { row[$0] }
      if !result.norms[input].isFinite { try refuse(tensor, input, elements, row) }
      if input > 0 {
        let last = UnsafeMutableBufferPointer(rebasing: values[(input - 1) * count..<input * count])
        result.drift[input - 1] = Self.sumOfSquares(count) { row[$0] - last[$0] }
      }
    }
    for element in 0..<count { mean[element] /= Double(inputs) }
    for input in 0..<inputs {
      let row = UnsafeMutableBufferPointer(rebasing: values[input * count..<(input + 1) * count])
      result.distances[input] = Self.sumOfSquares(count) { row[$0] - mean[$0] }
    }
    return result
  }

  /// Four sums at a time, so that additions need not wait for each other.
  @inline(__always)
  private static func sumOfSquares(_ count: Int, _ value: (Int) -> Double) -> Double {
    var sums = SIMD4<Double>.zero
    var element = 0
    while element + 4 <= count {
      let x = SIMD4(value(element), value(element + 1), value(element + 2), value(element + 3))
      sums += x * x
      element += 4
    }
    var sum = sums.sum()
    while element < count {
      sum += value(element) * value(element)
      element += 1
    }
    return sum
  }

  private func read(
    _ tensor: TensorSpec, _ input: Int, _ elements: Range<Int>,
    into values: UnsafeMutableBufferPointer<Double>
  ) throws {
    let width = tensor.dtype.bitWidth / 8
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: width * values.count, alignment: 64)
    defer { bytes.deallocate() }
    try series.members[input].read(tensor.name, at: elements.lowerBound * width, into: bytes)
    ElementConversion.widen(UnsafeRawBufferPointer(bytes), tensor.dtype, into: values)
    if let quantization = quantized[tensor.name], let base = values.baseAddress {
      let scales = try series.members[input].finiteValues(quantization.scale.name)
      quantization.dequantize(base, of: tensor, elements, by: scales)
    }
  }

  private func refuse(
    _ tensor: TensorSpec, _ input: Int, _ elements: Range<Int>, _ values: UnsafeMutableBufferPointer<Double>
  ) throws {
    guard let element = values.firstIndex(where: { !$0.isFinite }) else { return }
    throw AveragingError.notFinite(
      file: series.members[input].label, tensor.name,
      index: tensor.index(of: elements.lowerBound + element), value: values[element])
  }
}
