import CKernels
import TensorMath

extension Executor {
  /// A fully connected layer; every output is a sum in a fixed order, whatever the number of images.
  func multiply(_ step: Step, _ linear: Linear, into output: FeatureMap) {
    let input = maps[step.inputs[0]]!
    let weights = network.parameters.layers[step.node]!
    let outputs = linear.outputChannels
    let block = 64
    pool.forEach((outputs + block - 1) / block) { task, _ in
      let run = { (bias: UnsafePointer<Float>?) in
        var job = ck_linear(
          y: output.buffer.pointer, y_stride: outputs, x: input.buffer.pointer, x_stride: linear.inputs,
          weight: weights.weight.pointer, bias: bias, rows: self.images, inputs: linear.inputs,
          first_output: task * block, last_output: min((task + 1) * block, outputs))
        self.kernels.linear(&job)
      }
      if let bias = weights.bias { bias.withUnsafeBufferPointer { run($0.baseAddress) } } else { run(nil) }
    }
  }

  func gate(_ step: Step, into output: FeatureMap) {
    let (input, gate) = (maps[step.inputs[0]]!, maps[step.inputs[1]]!)
    let size = output.size
    pool.forEach(images) { image, _ in
      var job = ck_pointwise(
        y: output.image(image), y_stride: size.channels, x: input.image(image), x_stride: size.channels,
        residual: nil, residual_stride: 0, scale: gate.image(image), shift: nil, rows: size.pixels,
        channels: size.channels, activation: step.epilogue.activation.kernelCode)
      kernels.pointwise(&job)
    }
  }

  func slide(_ step: Step, _ window: Window, _ kind: ck_pooling, into output: FeatureMap) {
    let input = maps[step.inputs[0]]!
    let geometry = window.geometry(height: input.size.height, width: input.size.width)!
    let channels = output.size.channels
    let blocks = RowBlocks(
      height: output.size.height, width: output.size.width,
      floatsPerPixel: channels * (1 + window.stride.height * window.stride.width))
    pool.forEach(images * blocks.count) { task, _ in
      let image = task / blocks.count
      let rows = blocks.range(task % blocks.count, height: output.size.height)
      var job = ck_pool(
        window: geometry.window, pad_bottom: geometry.padBottom, pad_right: geometry.padRight, kind: kind,
        x: input.image(image), x_stride: channels, y: output.image(image), y_stride: channels,
        channels: channels, first_row: rows.lowerBound, last_row: rows.upperBound)
      kernels.pool(&job)
    }
  }

  func globalAverage(_ step: Step, into output: FeatureMap) {
    let input = maps[step.inputs[0]]!
    let size = input.size
    pool.forEach(images) { image, _ in
      kernels.global_mean(
        output.image(image), input.image(image), size.height, size.width, size.channels, size.channels)
    }
  }

  /// Cell (i, j) averages rows floor(i h / H) to ceil((i + 1) h / H) and likewise columns, as PyTorch does.
  func adaptiveAverage(_ step: Step, into output: FeatureMap) {
    let input = maps[step.inputs[0]]!
    let (from, to) = (input.size, output.size)
    func cell(_ index: Int, _ size: Int, _ cells: Int) -> Range<Int> {
      index * size / cells..<((index + 1) * size + cells - 1) / cells
    }
    pool.forEach(images) { image, _ in
      let source = input.image(image)
      for i in 0..<to.height {
        for j in 0..<to.width {
          let rows = cell(i, from.height, to.height)
          let columns = cell(j, from.width, to.width)
          var job = ck_pool(
            window: ck_window(
              height: rows.count, width: from.width, out_height: 1, out_width: 1, kernel_height: rows.count,
              kernel_width: columns.count, stride_y: 1, stride_x: 1, pad_top: 0, pad_left: 0, dilation_y: 1,
              dilation_x: 1),
            pad_bottom: 0, pad_right: 0, kind: ck_mean_valid,
            x: source + (rows.lowerBound * from.width + columns.lowerBound) * from.channels,
            x_stride: from.channels, y: output.image(image) + (i * to.width + j) * to.channels,
            y_stride: to.channels, channels: to.channels, first_row: 0, last_row: 1)
          kernels.pool(&job)
        }
      }
    }
  }

  func concatenate(_ step: Step, into output: FeatureMap) {
    let inputs = step.inputs.map { maps[$0]! }
    let channels = output.size.channels
    pool.forEach(images) { image, _ in
      var offset = 0
      for input in inputs {
        copy(
          rows: output.size.pixels, channels: input.size.channels, from: input.image(image),
          stride: input.size.channels, to: output.image(image) + offset, stride: channels)
        offset += input.size.channels
      }
    }
  }

  func copyChannels(_ step: Step, from first: Int, into output: FeatureMap) {
    let input = maps[step.inputs[0]]!
    pool.forEach(images) { image, _ in
      copy(
        rows: output.size.pixels, channels: output.size.channels, from: input.image(image) + first,
        stride: input.size.channels, to: output.image(image), stride: output.size.channels)
    }
  }

  func shuffle(_ step: Step, groups: Int, into output: FeatureMap) {
    let input = maps[step.inputs[0]]!
    let channels = output.size.channels
    let perGroup = channels / groups
    pool.forEach(images) { image, _ in
      var (from, to) = (input.image(image), output.image(image))
      for _ in 0..<output.size.pixels {
        for group in 0..<groups {
          for index in 0..<perGroup { to[index * groups + group] = from[group * perGroup + index] }
        }
        from += channels
        to += channels
      }
    }
  }

  private func copy(
    rows: Int, channels: Int, from: UnsafePointer<Float>, stride fromStride: Int,
    to: UnsafeMutablePointer<Float>,
    stride toStride: Int
  ) {
    var job = ck_pointwise(
      y: to, y_stride: toStride, x: from, x_stride: fromStride, residual: nil, residual_stride: 0, scale: nil,
      shift: nil, rows: rows, channels: channels, activation: ck_identity)
    kernels.pointwise(&job)
  }

  /// Applies `pointwise` to whole maps; `output` may be `input` or `residual`.
  func apply(_ pointwise: Pointwise, _ input: FeatureMap, residual: FeatureMap?, into output: FeatureMap) {
    let size = output.size
    let blocks = RowBlocks(height: size.height, width: size.width, floatsPerPixel: 3 * size.channels)
    pool.forEach(images * blocks.count) { task, _ in
      let image = task / blocks.count
      let rows = blocks.range(task % blocks.count, height: size.height)
      let first = rows.lowerBound * size.width * size.channels
      pointwise.apply(
        kernels, to: output.image(image) + first, from: input.image(image) + first,
        residual: residual.map { $0.image(image) + first }, rows: rows.count * size.width,
        channels: size.channels)
    }
  }

  /// The moments of every image's map.
  func moments(of map: FeatureMap) -> [ChannelMoments] {
    let size = map.size
    let blocks = RowBlocks(height: size.height, width: size.width, floatsPerPixel: size.channels)
    let table = MomentsTable(slots: images * blocks.count, channels: size.channels)
    pool.forEach(images * blocks.count) { task, _ in
      let rows = blocks.range(task % blocks.count, height: size.height)
      table.set(
        task, kernels, map.image(task / blocks.count) + rows.lowerBound * size.width * size.channels,
        rows: rows.count * size.width)
    }
    return table.perImage(images: images, blocks: blocks.count)
  }
}
