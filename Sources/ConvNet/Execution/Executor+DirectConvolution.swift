import CKernels
import TensorMath

extension Executor {
  /// A convolution by the kernels' own tiles or channel by channel. The division into tasks does not change any bit of the result.
  /// - Returns: The moments of every image's result where they are needed and came with the work.
  func convolveDirectly(
    _ step: Step, _ convolution: Convolution, into output: FeatureMap
  ) -> [ChannelMoments]? {
    let input = maps[step.inputs[0]]!
    let weights = network.parameters.layers[step.node]!
    let geometry = convolution.window.geometry(height: input.size.height, width: input.size.width)!
    let epilogue = mode == .inference ? inferenceEpilogue(step, weights) : Pointwise(shift: weights.bias)
    let residual = mode == .inference ? step.epilogue.residual.map { maps[$0]! } : nil
    return epilogue.withPointers { scale, shift in
      var job = ck_conv(
        window: geometry.window, x: input.buffer.pointer, x_stride: input.size.channels,
        x_image: input.size.count, channels: convolution.inputChannels, y: output.buffer.pointer,
        y_stride: output.size.channels, y_image: output.size.count, residual: residual?.buffer.pointer,
        outputs: convolution.outputChannels, weight: weights.weight.pointer, scale: scale, shift: shift,
        activation: epilogue.activation.kernelCode, first_image: 0, last_image: images, first_row: 0,
        last_row: output.size.height, first_panel: 0, last_panel: 0, scratch: nil)
      guard case .tiles(let groups) = weights.method else {
        return divideRows(step, job, convolution, groups: 1, size: output.size, run: kernels.depthwise)
      }
      job.channels /= groups
      job.outputs /= groups
      job.last_panel = weights.weight.shape[1]
      if groups == 1 && weights.weight.count > Self.largestSharedWeights {
        divideOutputs(job, convolution, input: input)
        return nil
      }
      return divideRows(step, job, convolution, groups: groups, size: output.size, run: kernels.conv)
    }
  }

  /// Weights of more floats are divided among the threads; all of smaller ones stay in a thread's cache.
  private static let largestSharedWeights = 160 * 1024

  /// Every task computes all channels of some rows of one image, group by group.
  private func divideRows(
    _ step: Step, _ job: ck_conv, _ convolution: Convolution, groups: Int, size: MapSize,
    run: @convention(c) (UnsafePointer<ck_conv>?) -> Void
  ) -> [ChannelMoments]? {
    let blocks = RowBlocks(
      height: size.height, width: size.width,
      floatsPerPixel: 2 * (convolution.inputChannels + convolution.outputChannels))
    var window = job.window
    let scratch = scratch(ck_conv_scratch(&window, job.channels, blocks.rows))
    defer { giveBack(scratch) }
    let moments =
      needsMoments(step) ? MomentsTable(slots: images * blocks.count, channels: size.channels) : nil
    let weightsPerGroup = job.last_panel * kernels.panel_width * convolution.window.taps * job.channels
    pool.forEach(images * blocks.count) { task, worker in
      let rows = blocks.range(task % blocks.count, height: size.height)
      for group in 0..<groups {
        var part = job
        part.x += group * job.channels
        part.y += group * job.outputs
        part.weight += group * weightsPerGroup
        part.residual = job.residual.map { $0 + group * job.outputs }
        part.scale = job.scale.map { $0 + group * job.outputs }
        part.shift = job.shift.map { $0 + group * job.outputs }
        part.first_image = task / blocks.count
        part.last_image = part.first_image + 1
        part.first_row = rows.lowerBound
        part.last_row = rows.upperBound
        part.scratch = scratch[worker].pointer
        run(&part)
      }
      moments?.set(
        task, kernels,
        job.y + (task / blocks.count * size.pixels + rows.lowerBound * size.width) * size.channels,
        rows: rows.count * size.width)
    }
    return moments?.perImage(images: images, blocks: blocks.count)
  }

  /// Every task computes some channels of all images, so that weights are read from memory once.
  private func divideOutputs(_ job: ck_conv, _ convolution: Convolution, input: FeatureMap) {
    var job = job
    var padded: Tensor?
    defer { if let padded { network.buffers.give(padded) } }
    if convolution.window.kernel != (1, 1) {
      var window = job.window
      let width = (window.out_width - 1) * window.stride_x + (window.kernel_width - 1) * window.dilation_x + 1
      let height =
        (window.out_height - 1) * window.stride_y + (window.kernel_height - 1) * window.dilation_y + 1
      let count = width * height * job.channels
      let buffer = network.buffers.take(images * count)
      pool.forEach(images) { image, _ in
        ck_pad(
          buffer.pointer + image * count, input.image(image), job.x_stride, job.channels, &window, 0,
          window.out_height)
      }
      padded = buffer
      job.x = UnsafePointer(buffer.pointer)
      job.x_image = count
      (job.window.height, job.window.width, job.window.pad_top, job.window.pad_left) = (height, width, 0, 0)
    } else if convolution.window.isPointwise {
      // All images are one column of pixels.
      (job.window.height, job.window.out_height) = (images * job.window.height, images * job.window.height)
      job.last_row = job.window.height
      job.last_image = 1
    }
    let panels = job.last_panel
    let tasks = min(panels, max(4, 2 * pool.threadCount))
    pool.forEach(tasks) { task, _ in
      var part = job
      part.first_panel = task * panels / tasks
      part.last_panel = (task + 1) * panels / tasks
      kernels.conv(&part)
    }
  }
}
