import CNetworkKernels
import NetworkGraphs
import Statistics
import TensorMath

extension Executor {
  /// A convolution; in batch-statistics mode without the operations after it, and with the moments of every
  /// image's result.
  func convolve(_ step: PlanStep, _ convolution: Convolution, into output: FeatureMap) -> [ChannelMoments]? {
    switch network.parameters.layers[step.node]!.method {
    case .product: multiplyFields(step, convolution, into: output)
    case .tiles, .narrow, .depthwise, .bfloat16: convolveDirectly(step, convolution, into: output)
    case .winograd(let side): convolveTransformed(step, convolution, side: side, into: output)
    }
  }

  /// A convolution as the product of receptive fields and weights, block of rows by block of rows.
  private func multiplyFields(
    _ step: PlanStep, _ convolution: Convolution, into output: FeatureMap
  ) -> [ChannelMoments]? {
    let input = map(step.inputs[0])
    let weights = network.parameters.layers[step.node]!
    let geometry = convolution.window.kernelGeometry(height: input.size.height, width: input.size.width)
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
    let scratch = isDirect ? [] : scratch(blocks.most * size.width * depth)
    let moments = needsMoments(step) ? MomentsTable(output, blocks: blocks) : nil
    let epilogue = mode == .inference ? inferenceEpilogue(step, weights) : Pointwise(shift: weights.bias)
    let residual = mode == .inference ? step.epilogue.residual.map { map($0) } : nil

    pool.forEach(images * blocks.count) { task, worker in
      let image = task / blocks.count
      let rows = blocks[task % blocks.count]
      let pixels = rows.count * size.width
      let target = output.row(rows.lowerBound, image: image)
      for group in 0..<groups {
        let matrix: UnsafePointer<Float>
        if isDirect {
          matrix = UnsafePointer(input.row(rows.lowerBound, image: image) + group * groupInputs)
        } else {
          var window = geometry.window
          ck_im2col(
            scratch[worker].buffer.pointer, input.image(image) + group * groupInputs, input.stride,
            groupInputs,
            &window, rows.lowerBound, rows.upperBound)
          matrix = UnsafePointer(scratch[worker].buffer.pointer)
        }
        GEMM.multiply(
          m: pixels, n: groupOutputs, k: depth, a: matrix, lda: isDirect ? input.stride : depth,
          b: weights.weight.pointer + group * depth * groupOutputs, ldb: groupOutputs,
          c: target + group * groupOutputs, ldc: output.stride)
      }
      if !epilogue.isIdentity || residual != nil {
        epilogue.apply(
          kernels, to: target, stride: output.stride, from: target, fromStride: output.stride,
          residual: residual.map { $0.row(rows.lowerBound, image: image) },
          residualStride: residual?.stride ?? 0,
          rows: pixels, channels: outputChannels)
      }
      moments?.measure(kernels, image: image, block: task % blocks.count)
    }
    return moments?.perImage()
  }

  /// True if the step's convolution is followed by a BatchNorm with the batch's own statistics.
  func needsMoments(_ step: PlanStep) -> Bool { mode == .batchStatistics && step.epilogue.batchNorm != nil }

  /// The operations after a convolution in inference mode: its bias and BatchNorm as one scale and shift, and
  /// the activation.
  func inferenceEpilogue(_ step: PlanStep, _ weights: LayerWeights) -> Pointwise {
    if let node = step.epilogue.affine {
      var (scale, shift) = network.parameters.factors[node]!
      if let bias = weights.bias {
        let scaled = scale.map { zip(bias, $0).map { $0 * $1 } } ?? bias
        shift = shift.map { zip($0, scaled).map { $0 + $1 } } ?? scaled
      }
      return Pointwise(scale: scale, shift: shift, activation: step.epilogue.activation)
    }
    guard let index = step.epilogue.batchNorm else {
      return Pointwise(shift: weights.bias, activation: step.epilogue.activation)
    }
    return Pointwise(
      scale: affines[index].scale, shift: affines[index].shift, activation: step.epilogue.activation)
  }

  /// One buffer for every worker.
  func scratch(_ count: Int) -> [BufferPool.Lease] {
    (0..<pool.threadCount).map { _ in network.buffers.lease(count) }
  }
}

/// The division of an image's rows into tasks.
struct RowBlocks {
  let height: Int
  let count: Int

  /// A division that depends on the layer and the map's size alone, as BLAS and the merging of moments need
  /// it: they may round differently for blocks of other shapes.
  /// - Parameter floatsPerPixel: Memory that a task touches per pixel; a block should stay in the L2 cache.
  init(height: Int, width: Int, floatsPerPixel: Int) {
    let pixels = min(max(Self.cacheFloats / max(floatsPerPixel, 1), 1), 1024)
    let fitting = max(pixels / width, 1)
    self.height = height
    count = (height + fitting - 1) / fitting
  }

  /// A division for work with a result that does not depend on it: as above, but for few images enough blocks
  /// to keep all threads busy.
  init(height: Int, width: Int, floatsPerPixel: Int, images: Int, threads: Int) {
    let natural = RowBlocks(height: height, width: width, floatsPerPixel: floatsPerPixel).count
    let wanted = threads == 1 ? 1 : (4 * threads + images - 1) / images
    // Blocks of fewer pixels would leave tiles empty.
    let most = max(1, height * width / Self.fewestPixels)
    self.height = height
    count = min(max(natural, min(wanted, most)), height)
  }

  private static let cacheFloats = 128 * 1024
  private static let fewestPixels = 56

  subscript(block: Int) -> Range<Int> { block * height / count..<(block + 1) * height / count }

  /// Rows of the largest block.
  var most: Int { (height + count - 1) / count }
}
