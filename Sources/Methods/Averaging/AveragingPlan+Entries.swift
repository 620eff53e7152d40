import Checkpoint

extension AveragingPlan {
  /// The output tensors of one input tensor.
  static func entries(
    for tensor: TensorSpec, _ combination: Combination, _ companions: [Companion], _ options: Options,
    latest: Int, quantization: Quantization?
  ) -> [Entry] {
    let role = TensorRole(tensor)
    var output = tensor
    if let dtype = options.dtype, tensor.dtype.isFloatingPoint || quantization != nil { output.dtype = dtype }
    let isAveraged =
      role == .parameter || quantization != nil || role == .runningStatistic && options.buffers == .average
    guard isAveraged else {
      return [
        Entry(
          output: output, input: tensor,
          operation: tensor.dtype.isFloatingPoint ? .convert(input: latest) : .copy(input: latest))
      ]
    }
    let average = Entry(
      output: output, input: tensor, operation: .combine(combination), quantization: quantization)
    guard role != .runningStatistic else { return [average] }
    // Deviations and variances are far smaller than the weights, and would be lost in types of few bits.
    let wide: DType = output.dtype == .f64 ? .f64 : .f32
    return [average]
      + companions.map {
        let name = TensorName(tensor.name.string + $0.suffix)
        return Entry(
          output: TensorSpec(name: name, dtype: wide, shape: tensor.components.shape), input: tensor,
          operation: .combine($0.combination), quantization: quantization)
      }
  }

  /// The entries of a quantized tensor, or of the scales of one.
  ///
  /// A single checkpoint is copied. Otherwise scales are recomputed, or omitted where the output is no longer
  /// quantized.
  static func quantizedEntries(
    for tensor: TensorSpec, _ quantized: [TensorName: Quantization], _ combination: Combination,
    _ companions: [Companion], _ options: Options, latest: Int
  ) -> [Entry] {
    if combination.isOneCheckpoint && companions.isEmpty && options.dtype == nil {
      return [Entry(output: tensor, input: tensor, operation: .copy(input: latest))]
    }
    if let quantization = quantized[tensor.name] {
      return entries(
        for: tensor, combination, companions, options, latest: latest, quantization: quantization)
    }
    guard options.dtype == nil, let weight = quantized.first(where: { $0.value.scale.name == tensor.name })
    else { return [] }
    return [Entry(output: tensor, input: tensor, operation: .scales(of: weight.key))]
  }
}

extension Combination {
  /// True if the result is one of the checkpoints.
  var isOneCheckpoint: Bool {
    guard case .linear(let linear) = self else { return false }
    let contributors = linear.contributors
    return contributors.count == 1 && linear.weights[contributors[0]] == 1
  }
}
