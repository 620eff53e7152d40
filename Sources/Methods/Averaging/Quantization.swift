import Checkpoint
import Platform

/// Quantization of a tensor's weights: weight = element · scale.
public struct Quantization: Sendable, Equatable {
  /// The tensor that holds the scales.
  public let scale: TensorSpec
  /// The axis with one scale for each index; nil for a single scale.
  public let axis: Int?

  /// Calls `body` for runs of elements that share a scale, with its index and the run, counted from
  /// `elements.lowerBound`.
  func forEachRun(_ tensor: TensorSpec, _ elements: Range<Int>, _ body: (_ scale: Int, Range<Int>) -> Void) {
    guard let axis else { return body(0, 0..<elements.count) }
    let run = max(1, tensor.shape[(axis + 1)...].reduce(1, *))
    var start = elements.lowerBound
    while start < elements.upperBound {
      let block = start / run
      let end = min((block + 1) * run, elements.upperBound)
      body(block % tensor.shape[axis], start - elements.lowerBound..<end - elements.lowerBound)
      start = end
    }
  }

  /// Multiplies elements by their scales.
  func dequantize(
    _ values: UnsafeMutablePointer<Double>, of tensor: TensorSpec, _ elements: Range<Int>, by scales: [Double]
  ) {
    forEachRun(tensor, elements) { index, run in
      let scale = scales[index]
      for element in run { values[element] *= scale }
    }
  }

  /// The largest magnitude of a quantized element.
  static func largestElement(_ dtype: DType) -> Double {
    switch dtype {
    case .i8: 127
    case .f8e4m3: 448
    case .f8e4m3fnuz: 240
    default: 57344
    }
  }
}

extension Quantization {
  /// The quantized tensors among `tensors` and their quantization.
  ///
  /// Supported are I8 and F8 weights accompanied by a floating-point tensor with one scale, or one for each
  /// index of one axis, under the names of compressed-tensors (`weight_scale`), quanto (`weight._data`,
  /// `weight._scale`) and others (`weight.scale`, `scale`).
  ///
  /// - Throws: `AveragingError.unknownQuantization` for any other recognizable form of quantized weights.
  static func find(in tensors: [TensorSpec], file: String) throws -> [TensorName: Quantization] {
    let byName = Dictionary(tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var found: [TensorName: Quantization] = [:]
    for tensor in tensors {
      if let reason = refusal(of: tensor, byName) {
        throw AveragingError.unknownQuantization(file: file, tensor.name, reason: reason)
      }
      guard isQuantizedType(tensor.dtype) else { continue }
      guard let scale = scaleNames(of: tensor.name).lazy.compactMap({ byName[$0] }).first else {
        if tensor.dtype == .i8, tensor.shape.count > 1, tensor.name.lastComponent == "weight" {
          throw AveragingError.unknownQuantization(
            file: file, tensor.name, reason: "8-bit integers without a scale tensor")
        }
        continue
      }
      if let point = zeroPointNames(of: tensor.name).first(where: { byName[$0] != nil }) {
        throw AveragingError.unknownQuantization(
          file: file, tensor.name, reason: "quantised with zero points (\"\(point)\")")
      }
      guard scale.dtype.isFloatingPoint, scale.dtype != .f8e8m0,
        let axis = axis(of: scale.shape, for: tensor.shape)
      else {
        throw AveragingError.unknownQuantization(
          file: file, tensor.name,
          reason: "\(tensor.layout) with scales \(scale.layout), neither one nor one for each channel")
      }
      var index: Int?
      if case .index(let channels) = axis { index = channels }
      found[tensor.name] = Quantization(scale: scale, axis: index)
    }
    return found
  }

  private static func isQuantizedType(_ dtype: DType) -> Bool {
    switch dtype {
    case .i8, .f8e4m3, .f8e5m2, .f8e4m3fnuz, .f8e5m2fnuz: true
    default: false
    }
  }

  /// The axis that scales belong to.
  private enum ScaledAxis {
    case none
    case index(Int)
  }

  /// - Returns: Nil for scales that are neither one nor one for each index of an axis.
  private static func axis(of scales: [Int], for shape: [Int]) -> ScaledAxis? {
    if scales.allSatisfy({ $0 == 1 }) { return ScaledAxis.none }
    if scales.count == 1 { return scales[0] == shape.first ? .index(0) : nil }
    guard scales.count == shape.count else { return nil }
    let axes = scales.indices.filter { scales[$0] != 1 }
    return axes.count == 1 && scales[axes[0]] == shape[axes[0]] ? .index(axes[0]) : nil
  }

  private static func siblings(_ name: TensorName, _ suffixes: [String], _ parts: [String]) -> [TensorName] {
    let text = name.string
    let stem = text.dropLast(name.lastComponent.count)
    return suffixes.map { TensorName(text + $0) } + parts.map { TensorName(stem + $0) }
  }

  private static func scaleNames(of name: TensorName) -> [TensorName] {
    siblings(
      name, ["_scale", ".scale", "_scale_inv"],
      name.lastComponent == "_data" ? ["_scale"] : name.lastComponent == "weight" ? ["scale", "scales"] : [])
  }

  private static func zeroPointNames(of name: TensorName) -> [TensorName] {
    siblings(
      name, ["_zero_point", ".zero_point"],
      name.lastComponent == "_data"
        ? ["_shift"] : name.lastComponent == "weight" ? ["zero_point", "zeros", "qzeros"] : [])
  }

  /// Reason that a tensor cannot be part of an average, by its type and by names that quantizers use.
  private static func refusal(of tensor: TensorSpec, _ byName: [TensorName: TensorSpec]) -> String? {
    switch tensor.dtype {
    case .f4, .f6e2m3, .f6e3m2: return "\(tensor.dtype) elements with block scales"
    case .f8e8m0: return "block scales (OCP MX)"
    default: break
    }
    // Searching every name would take longer than everything else here, and most have no q.
    let text = tensor.name.string
    if text.utf8.contains(UInt8(ascii: "q")), text.contains("quant_state.bitsandbytes") {
      return "weights quantised by bitsandbytes"
    }
    switch tensor.name.lastComponent {
    case "qweight", "qzeros": return "low-bit weights packed into integers (GPTQ, AWQ)"
    case "weight_packed", "_packed_params": return "low-bit weights packed into integers"
    case "SCB", "absmax", "nested_absmax", "quant_map", "nested_quant_map":
      return "weights quantised by bitsandbytes"
    case "weight":
      guard tensor.dtype == .u8 || tensor.dtype == .i32, tensor.shape.count > 1 else { return nil }
      return (scaleNames(of: tensor.name)).contains { byName[$0] != nil }
        ? "low-bit weights packed into \(tensor.dtype)" : nil
    default: return nil
    }
  }
}

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
      let peaks = Guarded(
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
