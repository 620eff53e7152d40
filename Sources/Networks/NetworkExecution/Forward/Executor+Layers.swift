import CNetworkKernels
import NetworkGraphs
import Statistics

extension Executor {
  /// A fully connected layer; every output is a sum in a fixed order, whatever the number of images.
  func multiply(_ step: PlanStep, _ linear: Linear, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let weights = network.parameters.layers[step.node]!
    let outputs = linear.outputChannels
    let block = 64
    pool.forEach((outputs + block - 1) / block) { task, _ in
      let run = { (bias: UnsafePointer<Float>?) in
        var job = ck_linear(
          y: output.pointer, y_stride: output.imageStride, x: input.pointer, x_stride: input.imageStride,
          weight: weights.weight.pointer, bias: bias, rows: self.images, inputs: linear.inputs,
          first_output: task * block, last_output: min((task + 1) * block, outputs))
        self.kernels.linear(&job)
      }
      if let bias = weights.bias { bias.withUnsafeBufferPointer { run($0.baseAddress) } } else { run(nil) }
    }
  }

  func slide(_ step: PlanStep, _ window: Window, _ kind: ck_pooling, into output: FeatureMap) {
    let inputSize = sizes[step.inputs[0]]
    let geometry = window.kernelGeometry(height: inputSize.height, width: inputSize.width)
    let source = rowSource(step, geometry.window)
    let channels = output.size.channels
    let blocks = freeBlocks(
      output.size, floatsPerPixel: channels * (1 + window.stride.height * window.stride.width))
    let finished = source.rest == nil ? [] : scratch(source.scratchCount(rows: blocks.most))
    pool.forEach(images * blocks.count) { task, worker in
      let image = task / blocks.count
      let rows = blocks[task % blocks.count]
      let x =
        source.rest == nil
        ? UnsafePointer(source.map.image(image))
        : source.rows(rows, image: image, scratch: finished[worker].buffer.pointer)
      var job = ck_pool(
        window: geometry.window, pad_bottom: geometry.padBottom, pad_right: geometry.padRight, kind: kind,
        x: x, x_stride: source.stride, y: output.image(image), y_stride: output.stride,
        channels: channels, first_row: rows.lowerBound, last_row: rows.upperBound)
      kernels.pool(&job)
    }
  }

  func globalAverage(_ step: PlanStep, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let size = input.size
    pool.forEach(images) { image, _ in
      kernels.global_mean(
        output.image(image), input.image(image), size.height, size.width, input.stride, size.channels)
    }
  }

  /// Cell (i, j) averages rows floor(i h / H) to ceil((i + 1) h / H) and likewise columns, as PyTorch does.
  func adaptiveAverage(_ step: PlanStep, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let (from, to) = (input.size, output.size)
    func cell(_ index: Int, _ size: Int, _ cells: Int) -> Range<Int> {
      index * size / cells..<((index + 1) * size + cells - 1) / cells
    }
    pool.forEach(images) { image, _ in
      for i in 0..<to.height {
        for j in 0..<to.width {
          let rows = cell(i, from.height, to.height)
          let columns = cell(j, from.width, to.width)
          var job = ck_pool(
            window: ck_window(
              height: rows.count, width: from.width, out_height: 1, out_width: 1, kernel_height: rows.count,
              kernel_width: columns.count, stride_y: 1, stride_x: 1, pad_top: 0, pad_left: 0, dilation_y: 1,
              dilation_x: 1),
            pad_bottom: 0, pad_right: 0, kind: CK_POOL_MEAN_VALID,
            x: input.row(rows.lowerBound, image: image) + columns.lowerBound * input.stride,
            x_stride: input.stride, y: output.row(i, image: image) + j * output.stride,
            y_stride: output.stride, channels: to.channels, first_row: 0, last_row: 1)
          kernels.pool(&job)
        }
      }
    }
  }

  /// Copies the inputs that are not already in place.
  func concatenate(_ step: PlanStep, into output: FeatureMap) {
    var parts: [(map: FeatureMap, to: FeatureMap)] = []
    var channel = 0
    for node in step.inputs {
      let input = map(node)
      let place = output.channels(from: channel, count: input.size.channels)
      if input.pointer != place.pointer || input.stride != place.stride { parts.append((input, place)) }
      channel += input.size.channels
    }
    for part in parts { apply(Pointwise(), part.map, residual: nil, into: part.to) }
  }

  func copyChannels(_ step: PlanStep, from first: Int, into output: FeatureMap) {
    apply(
      Pointwise(), map(step.inputs[0]).channels(from: first, count: output.size.channels), residual: nil,
      into: output)
  }

  func shuffle(_ step: PlanStep, groups: Int, into output: FeatureMap) {
    let input = map(step.inputs[0])
    let channels = output.size.channels
    let perGroup = channels / groups
    pool.forEach(images) { image, _ in
      var (from, to) = (input.image(image), output.image(image))
      for _ in 0..<output.size.pixels {
        for group in 0..<groups {
          for index in 0..<perGroup { to[index * groups + group] = from[group * perGroup + index] }
        }
        from += input.stride
        to += output.stride
      }
    }
  }

  /// Applies `pointwise` to whole maps; `output` may be `input` or `residual`.
  func apply(
    _ pointwise: Pointwise, _ input: FeatureMap, gate: FeatureMap? = nil, residual: FeatureMap?,
    into output: FeatureMap
  ) {
    let size = output.size
    eachRowBlock(size, floatsPerPixel: 3 * size.channels) { image, rows in
      pointwise.apply(
        kernels, to: output.row(rows.lowerBound, image: image), stride: output.stride,
        from: input.row(rows.lowerBound, image: image), fromStride: input.stride, gate: gate?.image(image),
        residual: residual.map { $0.row(rows.lowerBound, image: image) },
        residualStride: residual?.stride ?? 0,
        rows: rows.count * size.width, channels: size.channels)
    }
  }

  /// Runs `body` for blocks of rows of every image; its results must not depend on the division.
  func eachRowBlock(
    _ size: MapSize, floatsPerPixel: Int, _ body: (_ image: Int, _ rows: Range<Int>) -> Void
  ) {
    let blocks = freeBlocks(size, floatsPerPixel: floatsPerPixel)
    pool.forEach(images * blocks.count) { task, _ in body(task / blocks.count, blocks[task % blocks.count]) }
  }

  /// The division of a map for work with a result that does not depend on it.
  private func freeBlocks(_ size: MapSize, floatsPerPixel: Int) -> RowBlocks {
    RowBlocks(
      height: size.height, width: size.width, floatsPerPixel: floatsPerPixel, images: images,
      threads: pool.threadCount)
  }

  /// The division of a map whose moments are measured after the work on it.
  func blocksOfMoments(_ size: MapSize) -> RowBlocks {
    RowBlocks(height: size.height, width: size.width, floatsPerPixel: size.channels)
  }

  /// The moments of every image's map.
  func moments(of map: FeatureMap) -> [ChannelMoments] {
    let table = MomentsTable(map, blocks: blocksOfMoments(map.size))
    measure(table, map)
    return table.perImage()
  }

  /// Measures the moments of whole maps.
  func measure(_ table: MomentsTable, _ map: FeatureMap) {
    let blocks = blocksOfMoments(map.size)
    pool.forEach(images * blocks.count) { task, _ in
      table.measure(kernels, image: task / blocks.count, block: task % blocks.count)
    }
  }
}
