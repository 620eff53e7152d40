import CKernels
import TensorMath

extension Executor {
  /// The cut of an image's output rows into tasks; a function of the layer and the map's size alone, since BLAS may
  /// round differently for products of other shapes.
  struct RowBlocks {
    let rows: Int
    let count: Int

    /// - Parameter floatsPerPixel: Memory a task touches per output pixel; a block shall stay in the L2 cache.
    init(height: Int, width: Int, floatsPerPixel: Int) {
      let pixels = min(max(Self.cacheFloats / max(floatsPerPixel, 1), 1), 1024)
      let fitting = max(pixels / width, 1)
      let count = (height + fitting - 1) / fitting
      rows = (height + count - 1) / count
      self.count = (height + rows - 1) / rows
    }

    private static let cacheFloats = 128 * 1024

    func range(_ block: Int, height: Int) -> Range<Int> { block * rows..<min((block + 1) * rows, height) }
  }

  /// A convolution; in batch-statistics mode without what follows it, and with the moments of every image's result.
  func convolve(_ step: Step, _ convolution: Convolution, into output: FeatureMap) -> [ChannelMoments]? {
    switch network.parameters.layers[step.node]!.method {
    case .product: return multiplyFields(step, convolution, into: output)
    case .tiles, .depthwise:
      if let moments = convolveDirectly(step, convolution, into: output) { return moments }
    case .winograd: convolveTransformed(step, convolution, into: output)
    }
    return needsMoments(step) ? moments(of: output) : nil
  }

  /// A convolution as the product of receptive fields and weights, block of rows by block of rows.
  private func multiplyFields(
    _ step: Step, _ convolution: Convolution, into output: FeatureMap
  ) -> [ChannelMoments]? {
    let input = maps[step.inputs[0]]!
    let weights = network.parameters.layers[step.node]!
    let geometry = convolution.window.geometry(height: input.size.height, width: input.size.width)!
    let groups = convolution.groups
    let depth = convolution.depth
    let (inputChannels, outputChannels) = (convolution.inputChannels, convolution.outputChannels)
    let groupInputs = inputChannels / groups
    let groupOutputs = outputChannels / groups
    let size = output.size
    let isDirect = convolution.window.isPointwise
    let blocks = RowBlocks(
      height: size.height, width: size.width,
      floatsPerPixel: (isDirect ? inputChannels : depth) + outputChannels)
    let scratch = isDirect ? [] : scratch(blocks.rows * size.width * depth)
    defer { giveBack(scratch) }
    let moments =
      needsMoments(step)
      ? MomentsTable(slots: images * blocks.count, channels: outputChannels) : nil
    let epilogue = mode == .inference ? inferenceEpilogue(step, weights) : Pointwise(shift: weights.bias)
    let residual = mode == .inference ? step.epilogue.residual.map { maps[$0]! } : nil

    pool.forEach(images * blocks.count) { task, worker in
      let image = task / blocks.count
      let rows = blocks.range(task % blocks.count, height: size.height)
      let first = rows.lowerBound * size.width
      let pixels = rows.count * size.width
      let target = output.image(image) + first * outputChannels
      for group in 0..<groups {
        let source = input.image(image) + group * groupInputs
        let matrix: UnsafePointer<Float>
        if isDirect {
          matrix = UnsafePointer(source + first * inputChannels)
        } else {
          var window = geometry.window
          ck_im2col(
            scratch[worker].pointer, source, inputChannels, groupInputs, &window, rows.lowerBound,
            rows.upperBound)
          matrix = UnsafePointer(scratch[worker].pointer)
        }
        GEMM.multiply(
          m: pixels, n: groupOutputs, k: depth, a: matrix, lda: isDirect ? inputChannels : depth,
          b: weights.weight.pointer + group * depth * groupOutputs, ldb: groupOutputs,
          c: target + group * groupOutputs, ldc: outputChannels)
      }
      if !epilogue.isIdentity || residual != nil {
        epilogue.apply(
          kernels, to: target, from: target,
          residual: residual.map { $0.image(image) + first * outputChannels }, rows: pixels,
          channels: outputChannels)
      }
      moments?.set(task, kernels, target, rows: pixels)
    }
    return moments?.perImage(images: images, blocks: blocks.count)
  }

  /// Whether the step's convolution is followed by a BatchNorm with the batch's own statistics.
  func needsMoments(_ step: Step) -> Bool { mode == .batchStatistics && step.epilogue.batchNorm != nil }

  /// What follows a convolution in inference mode: its bias and BatchNorm as one scale and shift, and the activation.
  func inferenceEpilogue(_ step: Step, _ weights: LayerWeights) -> Pointwise {
    guard let index = step.epilogue.batchNorm else {
      return Pointwise(shift: weights.bias, activation: step.epilogue.activation)
    }
    return Pointwise(
      scale: affines[index].scale, shift: affines[index].shift, activation: step.epilogue.activation)
  }

  /// One buffer for every worker.
  func scratch(_ count: Int) -> [Tensor] { (0..<pool.threadCount).map { _ in network.buffers.take(count) } }

  func giveBack(_ scratch: [Tensor]) { for buffer in scratch { network.buffers.give(buffer) } }
}
