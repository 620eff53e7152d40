import CNetworkKernels
import NetworkGraphs
import Statistics

extension Executor {
  /// True if the tasks of a convolution are output channels of all images, so that its weights, which exceed
  /// every cache, are read from memory once. Where they are smaller, tasks are rows or tiles.
  func dividesOutputs(_ step: PlanStep) -> Bool {
    let weights = network.parameters.layers[step.node]!
    switch weights.method {
    case .tiles(let groups): return groups == 1 && weights.weight.count > 160 * 1024
    // Transformed weights are larger and read less often; all transformed inputs must then fit into memory.
    case .winograd(let side):
      let tiles = tileCount(sizes[step.output], side: side)
      let fields = (side + 2) * (side + 2) * tiles * sizes[step.inputs[0]].channels
      return weights.weight.count > 640 * 1024 && fields <= 24 << 20
    default: return false
    }
  }

  /// A convolution by the kernels' own tiles or channel by channel. The division into tasks does not change
  /// any bit of the result.
  /// - Returns: The moments of every image's result where they are needed.
  func convolveDirectly(
    _ step: PlanStep, _ convolution: Convolution, into output: FeatureMap
  ) -> [ChannelMoments]? {
    let inputSize = sizes[step.inputs[0]]
    let weights = network.parameters.layers[step.node]!
    let geometry = convolution.window.kernelGeometry(height: inputSize.height, width: inputSize.width)
    let epilogue = mode == .inference ? inferenceEpilogue(step, weights) : Pointwise(shift: weights.bias)
    let residual = mode == .inference ? step.epilogue.residual.map { map($0) } : nil
    let dividesOutputs = dividesOutputs(step)
    let source: RowSource? = dividesOutputs ? nil : rowSource(step, geometry.window)
    let input = source?.map ?? map(step.inputs[0])
    return epilogue.withPointers { scale, shift in
      var job = ck_conv(
        window: geometry.window, x: UnsafePointer(input.pointer), x_stride: source?.stride ?? input.stride,
        x_image: input.imageStride, channels: convolution.inputChannels, y: output.pointer,
        y_stride: output.stride,
        y_image: output.imageStride, residual: residual.map { UnsafePointer($0.pointer) },
        outputs: convolution.outputChannels, weight: weights.weight.pointer, scale: scale, shift: shift,
        activation: epilogue.activation.kernelCode, first_image: 0, last_image: images, first_row: 0,
        last_row: output.size.height, first_panel: 0, last_panel: 0, scratch: nil, group_width: 1)
      if case .tiles(let groups) = weights.method {
        job.channels /= groups
        job.outputs /= groups
        job.last_panel = weights.weight.shape[1]
        if dividesOutputs { return divideOutputs(step, job, convolution, input: input, output: output) }
        return divideRows(step, job, source!, groups: groups, output: output, run: kernels.conv)
      }
      if case .bfloat16 = weights.method {
        job.last_panel = weights.weight.shape[0]
        return divideRows(step, job, source!, groups: 1, output: output, run: network.bfloat16Kernels!.conv)
      }
      if case .narrow(let width) = weights.method {
        job.group_width = width
        return divideRows(step, job, source!, groups: 1, output: output, run: kernels.grouped)
      }
      return divideRows(step, job, source!, groups: 1, output: output, run: kernels.depthwise)
    }
  }

  /// Every task computes all channels of some rows of one image, group by group.
  private func divideRows(
    _ step: PlanStep, _ job: ck_conv, _ source: RowSource, groups: Int, output: FeatureMap,
    run: @convention(c) (UnsafePointer<ck_conv>?) -> Void
  ) -> [ChannelMoments]? {
    let size = output.size
    let isRounded = if case .bfloat16 = network.parameters.layers[step.node]!.method { true } else { false }
    // Multiplying rounded numbers takes less time than reading the weights: larger blocks read them less
    // often.
    let floatsPerPixel = (isRounded ? 1 : 4) * groups * (job.channels + job.outputs) / 2
    let moments =
      needsMoments(step)
      ? MomentsTable(
        output, blocks: RowBlocks(height: size.height, width: size.width, floatsPerPixel: floatsPerPixel))
      : nil
    let blocks =
      moments != nil
      ? RowBlocks(height: size.height, width: size.width, floatsPerPixel: floatsPerPixel)
      : RowBlocks(
        height: size.height, width: size.width, floatsPerPixel: floatsPerPixel, images: images,
        threads: pool.threadCount)
    var window = job.window
    let scratch = scratch(
      isRounded
        ? ck_conv_bf16_scratch(&window, job.channels, blocks.most)
        : ck_conv_scratch(&window, job.channels, blocks.most))
    let finished = source.rest == nil ? [] : self.scratch(source.scratchCount(rows: blocks.most))
    let weightsPerGroup =
      job.last_panel * kernels.panel_width * window.kernel_height * window.kernel_width * job.channels
    pool.forEach(images * blocks.count) { task, worker in
      let image = task / blocks.count
      let rows = blocks[task % blocks.count]
      var whole = job
      if source.rest != nil {
        whole.x = source.rows(rows, image: image, scratch: finished[worker].buffer.pointer)
        whole.x -= image * whole.x_image
      }
      whole.first_image = image
      whole.last_image = image + 1
      whole.first_row = rows.lowerBound
      whole.last_row = rows.upperBound
      whole.scratch = scratch[worker].buffer.pointer
      for group in 0..<groups {
        var part = whole
        part.x += group * job.channels
        part.y += group * job.outputs
        part.weight += group * weightsPerGroup
        part.residual = job.residual.map { $0 + group * job.outputs }
        part.scale = job.scale.map { $0 + group * job.outputs }
        part.shift = job.shift.map { $0 + group * job.outputs }
        run(&part)
      }
      moments?.measure(kernels, image: image, block: task % blocks.count)
    }
    return moments?.perImage()
  }

  /// Every task computes some channels of all images, so that weights are read from memory once.
  private func divideOutputs(
    _ step: PlanStep, _ job: ck_conv, _ convolution: Convolution, input: FeatureMap, output: FeatureMap
  ) -> [ChannelMoments]? {
    var job = job
    var padded: BufferPool.Lease?
    if convolution.window.kernel != (1, 1) {
      var window = job.window
      let width = (window.out_width - 1) * window.stride_x + (window.kernel_width - 1) * window.dilation_x + 1
      let height =
        (window.out_height - 1) * window.stride_y + (window.kernel_height - 1) * window.dilation_y + 1
      let count = width * height * job.channels
      let lease = network.buffers.lease(images * count)
      let target = lease.buffer.pointer
      pool.forEach(images) { image, _ in
        ck_pad(
          target + image * count, input.image(image), job.x_stride, job.channels, &window, 0,
          window.out_height)
      }
      padded = lease
      job.x = UnsafePointer(target)
      job.x_stride = job.channels
      job.x_image = count
      (job.window.height, job.window.width, job.window.pad_top, job.window.pad_left) = (height, width, 0, 0)
    } else if convolution.window.isPointwise {
      // All images form one column of pixels.
      (job.window.height, job.window.out_height) = (images * job.window.height, images * job.window.height)
      job.last_row = job.window.height
      job.last_image = 1
    }
    let moments = needsMoments(step) ? MomentsTable(output, blocks: blocksOfMoments(output.size)) : nil
    // A task's weights stay in the L2 cache while blocks of pixels pass through it.
    let panels = job.last_panel
    let weights = network.parameters.layers[step.node]!.weight.count
    let threads = pool.threadCount
    let tasks = min(panels, max(weights / Self.cachedFloats, threads == 1 ? 1 : 2 * threads))
    let isColumn = job.last_image == 1
    let count = isColumn ? job.last_row : job.last_image
    let floats = job.channels * job.window.width * (isColumn ? 1 : job.window.height)
    // Rows or images that leave no tile half empty.
    let tile = kernels.tile_pixels
    let unit = isColumn ? (1...tile).first { $0 * job.window.width % tile == 0 }! : 2
    let atOnce = max(1, Self.cachedFloats / 2 / floats / unit) * unit
    pool.forEach(tasks) { task, _ in
      var part = job
      part.first_panel = task * panels / tasks
      part.last_panel = (task + 1) * panels / tasks
      for first in stride(from: 0, to: count, by: atOnce) {
        let range = first..<min(first + atOnce, count)
        if isColumn {
          (part.first_row, part.last_row) = (range.lowerBound, range.upperBound)
        } else {
          (part.first_image, part.last_image) = (range.lowerBound, range.upperBound)
        }
        kernels.conv(&part)
      }
      if let moments { measurePanels(moments, part.first_panel..<part.last_panel, of: output) }
    }
    withExtendedLifetime(padded) {}
    return moments?.perImage()
  }

  /// Capacity of the L2 cache for the weights, apart from other data.
  private static let cachedFloats = 256 * 1024

  /// Takes the moments of some panels' channels of all images.
  func measurePanels(_ moments: MomentsTable, _ panels: Range<Int>, of output: FeatureMap) {
    let width = kernels.panel_width
    let channels = panels.lowerBound * width..<min(panels.upperBound * width, output.size.channels)
    for image in 0..<images { moments.measure(kernels, image: image, channels: channels) }
  }
}
