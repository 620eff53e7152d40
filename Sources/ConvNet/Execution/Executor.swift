import CKernels
import TensorMath

/// Runs the steps of a plan on some images.
///
/// Inference: BatchNorm with given statistics, as scale and shift behind the convolution. Batch statistics: every
/// BatchNorm normalises with the moments of these images.
final class Executor {
  typealias Observer = (BatchNormLayer, ChannelMoments) throws -> Void

  let network: Network
  let mode: ForwardMode
  let affines: [ChannelAffine]
  let images: Int
  let sizes: [MapSize]
  private(set) var maps: [Int: FeatureMap] = [:]

  var pool: ThreadPool { network.pool }
  var kernels: ck_layer_kernels { network.kernels }

  /// - Parameters:
  ///   - affines: The BatchNorms with their running statistics; not read in batch-statistics mode.
  ///   - sizes: Every node's map size for these images.
  init(_ network: Network, mode: ForwardMode, affines: [ChannelAffine], images: Int, sizes: [MapSize]) {
    self.network = network
    self.mode = mode
    self.affines = affines
    self.images = images
    self.sizes = sizes
  }

  deinit {
    for node in maps.keys { release(node) }
  }

  /// Makes `tensor`'s images from `first` on the network's input.
  func setInput(_ tensor: Tensor, first: Int) {
    let map = newMap(0)
    let count = images * map.size.count
    map.buffer.pointer.update(from: tensor.pointer + first * map.size.count, count: count)
    maps[0] = map
  }

  /// Runs the steps in `range`; results that no later step reads are released.
  /// - Parameter observe: Gets the moments of every BatchNorm's input, in batch-statistics mode.
  func run(_ range: Range<Int>, observe: Observer = { _, _ in }) throws {
    for index in range {
      let step = network.plan.steps[index]
      maps[step.output] = newMap(step.output)
      try run(step, observe: observe)
      for node in network.plan.released[index] { release(node) }
    }
  }

  /// What the BatchNorm of `step` would read, the steps before it having run.
  func batchNormInput(_ step: Step) -> FeatureMap {
    guard case .convolution(let convolution) = step.operation else { return maps[step.inputs[0]]! }
    var bare = step
    bare.epilogue = Step.Epilogue()
    maps[step.output] = newMap(step.output)
    _ = convolve(bare, convolution, into: maps[step.output]!)
    return maps[step.output]!
  }

  private func newMap(_ node: Int) -> FeatureMap {
    FeatureMap(buffer: network.buffers.take(images * sizes[node].count), images: images, size: sizes[node])
  }

  private func release(_ node: Int) {
    if let map = maps.removeValue(forKey: node) { network.buffers.give(map.buffer) }
  }

  private func run(_ step: Step, observe: Observer) throws {
    let output = maps[step.output]!
    switch step.operation {
    case .convolution(let convolution):
      let moments = convolve(step, convolution, into: output)
      if mode == .batchStatistics { try finish(step, output, moments: moments, into: output, observe) }
    case .batchNorm:
      let input = maps[step.inputs[0]]!
      let moments = mode == .batchStatistics ? moments(of: input) : nil
      try finish(step, input, moments: moments, into: output, observe)
    case .activation, .add:
      apply(
        Pointwise(activation: step.epilogue.activation), maps[step.inputs[0]]!,
        residual: step.inputs.count > 1 ? maps[step.inputs[1]]! : nil, into: output)
    case .linear(let linear):
      multiply(step, linear, into: output)
      if step.epilogue.activation != .identity {
        apply(Pointwise(activation: step.epilogue.activation), output, residual: nil, into: output)
      }
    case .gate: gate(step, into: output)
    case .concatenate: concatenate(step, into: output)
    case .slice(let range): copyChannels(step, from: range.lowerBound, into: output)
    case .shuffle(let groups): shuffle(step, groups: groups, into: output)
    case .maxPool(let window): slide(step, window, ck_max, into: output)
    case .averagePool(let window, let countIncludePad):
      slide(step, window, countIncludePad ? ck_mean_padded : ck_mean_valid, into: output)
    case .globalAverage: globalAverage(step, into: output)
    case .adaptiveAverage: adaptiveAverage(step, into: output)
    case .input: preconditionFailure("the input is not a step")
    }
  }

  /// BatchNorm, residual and activation behind `input`, the statistics being those of `moments` if given.
  private func finish(
    _ step: Step, _ input: FeatureMap, moments: [ChannelMoments]?, into output: FeatureMap,
    _ observe: Observer
  ) throws {
    var pointwise = Pointwise(activation: step.epilogue.activation)
    if let index = step.epilogue.batchNorm {
      var affine: ChannelAffine
      if let moments {
        let layer = network.batchNorms[index]
        var total = ChannelMoments(channels: layer.channels)
        for image in moments { total.merge(image) }
        try observe(layer, total)
        affine = network.affine(index, mean: total.mean, variance: total.biasedVariance)
      } else {
        affine = affines[index]
      }
      pointwise.scale = affine.scale
      pointwise.shift = affine.shift
    }
    let residual = step.epilogue.residual.map { maps[$0]! }
    if pointwise.isIdentity && residual == nil && input.buffer === output.buffer { return }
    apply(pointwise, input, residual: residual, into: output)
  }
}
