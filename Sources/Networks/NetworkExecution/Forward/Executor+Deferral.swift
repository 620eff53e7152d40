import CNetworkKernels

/// A map with a pending BatchNorm, sum and activation: y = activation(x * scale + shift + residual). A gate
/// has separate scales for every image.
///
/// Its first reader applies them where it can, while the map passes through the cache anyway. A separate pass
/// over a map larger than the caches takes longer than all its arithmetic.
struct Deferred {
  let input: FeatureMap
  let residual: FeatureMap?
  let pointwise: Pointwise
  let gate: FeatureMap?
}

extension Executor {
  /// Ways in which a step can read an unfinished map.
  private enum Reading {
    /// The map must be finished first.
    case finished
    /// Rows are finished in place just before they are read, each by one task.
    case inPlace
    /// A task finishes the rows that it reads in its own memory; neighbors may repeat some of them.
    case rows
    /// Elements are finished whenever they are read.
    case elements
  }

  /// True if the first reader of a step's result will finish it.
  func canDefer(_ rest: Deferred, _ step: PlanStep) -> Bool {
    let readers = plan.readers[step.output]
    guard let first = readers.first, step.output != plan.graph.output, !plan.kept.contains(step.output) else {
      return false
    }
    switch reading(plan.steps[first], step.output) {
    case .finished: return false
    case .inPlace: return readers.count == 1 || mapInMemory(step.output)?.pointer == rest.input.pointer
    case .rows: return readers.count == 1
    case .elements: return readers.count == 1 && rest.residual == nil && rest.pointwise.scale != nil
    }
  }

  private func reading(_ step: PlanStep, _ node: Int) -> Reading {
    guard step.inputs == [node], step.epilogue.residual != node else { return .finished }
    switch step.operation {
    case .convolution(let convolution):
      switch network.parameters.layers[step.node]!.method {
      case .product: return .finished
      case .winograd: return dividesOutputs(step) ? .finished : .elements
      case .tiles, .narrow, .depthwise, .bfloat16:
        if dividesOutputs(step) { return .finished }
        return convolution.window.isPointwise ? .inPlace : .rows
      }
    case .maxPool, .averagePool: return .rows
    default: return .finished
    }
  }

  /// The rows that a step reads.
  func rowSource(_ step: PlanStep, _ window: ck_window) -> RowSource {
    let node = step.inputs[0]
    guard let rest = takeDeferred(node) else {
      return RowSource(map: map(node), rest: nil, isInPlace: false, window: window, kernels: kernels)
    }
    return RowSource(
      map: rest.input, rest: rest,
      isInPlace: mapInMemory(node)?.pointer == rest.input.pointer && window.isPointwise,
      window: window, kernels: kernels)
  }
}

/// The input of a step that works row by row, with maps that may still have to be finished.
struct RowSource {
  let map: FeatureMap
  let rest: Deferred?
  let isInPlace: Bool
  let window: ck_window
  let kernels: ck_layer_kernels

  /// Floats between neighboring pixels of the result of `rows`.
  var stride: Int { rest == nil || isInPlace ? map.stride : map.size.channels }

  /// Floats of memory that `rows` needs for `count` output rows.
  func scratchCount(rows count: Int) -> Int {
    rest == nil || isInPlace
      ? 0 : inputRows(0..<count, within: .max).count * map.size.width * map.size.channels
  }

  /// Finishes the rows of an image that output rows `rows` are computed from.
  /// - Returns: Position of the image's first pixel; `stride` is the distance between pixels.
  func rows(_ rows: Range<Int>, image: Int, scratch: UnsafeMutablePointer<Float>) -> UnsafePointer<Float> {
    guard let rest else { return UnsafePointer(map.image(image)) }
    let inputs = inputRows(rows, within: map.size.height)
    let target = isInPlace ? map.row(inputs.lowerBound, image: image) : scratch
    rest.pointwise.apply(
      kernels, to: target, stride: stride, from: map.row(inputs.lowerBound, image: image),
      fromStride: map.stride, gate: rest.gate?.image(image),
      residual: rest.residual.map { $0.row(inputs.lowerBound, image: image) },
      residualStride: rest.residual?.stride ?? 0,
      rows: inputs.count * map.size.width, channels: map.size.channels)
    return UnsafePointer(target - inputs.lowerBound * map.size.width * stride)
  }

  private func inputRows(_ rows: Range<Int>, within height: Int) -> Range<Int> {
    let top = rows.lowerBound * window.stride_y - window.pad_top
    let bottom =
      (rows.upperBound - 1) * window.stride_y - window.pad_top
      + (window.kernel_height - 1) * window.dilation_y + 1
    if height == .max { return top..<bottom }
    let first = min(max(top, 0), height)
    return first..<min(max(bottom, first), height)
  }
}

extension ck_window {
  fileprivate var isPointwise: Bool {
    kernel_height * kernel_width * stride_y * stride_x == 1 && pad_top == 0 && pad_left == 0
      && height == out_height && width == out_width
  }
}
