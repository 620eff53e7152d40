import CNetworkKernels
import NetworkGraphs
import Statistics

extension Executor {
  /// A 3x3 convolution by Winograd's transforms. The division into tasks does not change any bit of the
  /// result.
  /// - Returns: The moments of every image's result where they are needed.
  func convolveTransformed(
    _ step: PlanStep, _ convolution: Convolution, side: Int, into output: FeatureMap
  ) -> [ChannelMoments]? {
    let node = step.inputs[0]
    let dividesOutputs = dividesOutputs(step)
    // Tiles finish the rows that they read; with tasks of output channels every task would repeat that.
    let rest = dividesOutputs ? nil : takeDeferred(node)
    let input = rest?.input ?? map(node)
    let weights = network.parameters.layers[step.node]!
    let geometry = convolution.window.kernelGeometry(height: input.size.height, width: input.size.width)
    let epilogue = mode == .inference ? inferenceEpilogue(step, weights) : Pointwise(shift: weights.bias)
    let residual = mode == .inference ? step.epilogue.residual.map { map($0) } : nil
    let tiles = tileCount(output.size, side: side)
    let before = rest?.pointwise ?? Pointwise()
    let moments = needsMoments(step) ? MomentsTable(output, blocks: blocksOfMoments(output.size)) : nil
    epilogue.withPointers { scale, shift in
      before.withPointers { inScale, inShift in
        let job = ck_winograd(
          side: side, x: input.pointer, x_stride: input.stride, x_image: input.imageStride,
          height: input.size.height, width: input.size.width, channels: convolution.inputChannels,
          pad_top: geometry.window.pad_top, pad_left: geometry.window.pad_left, in_scale: inScale,
          in_shift: inShift,
          in_activation: before.activation.kernelCode, y: output.pointer,
          y_stride: output.stride, y_image: output.imageStride,
          residual: residual.map { UnsafePointer($0.pointer) },
          out_height: output.size.height, out_width: output.size.width, outputs: convolution.outputChannels,
          weight: weights.weight.pointer, scale: scale, shift: shift,
          activation: epilogue.activation.kernelCode,
          first_tile: 0, last_tile: tiles, fields: nil, field_tiles: 0, first_panel: 0,
          last_panel: weights.weight.shape[0], products: nil)
        if dividesOutputs {
          divideTransformedOutputs(job, output, moments)
        } else if let moments, images >= 2 * pool.threadCount {
          divideImages(job, moments)
        } else {
          divideTiles(job)
          if let moments { measure(moments, output) }
        }
      }
    }
    return moments?.perImage()
  }

  /// Tiles of `side` by `side` outputs that cover the maps of all images.
  func tileCount(_ size: MapSize, side: Int) -> Int {
    images * ((size.height + side - 1) / side) * ((size.width + side - 1) / side)
  }

  /// Tiles that are multiplied at a time; a multiple of the kernel's unit.
  private func tilesAtOnce(_ job: ck_winograd) -> Int {
    let unit = kernels.tile_pixels
    return max(1, min(2016 / job.elements, 144 * 1024 / (job.elements * job.channels)) / unit) * unit
  }

  /// Every task transforms some tiles and computes all their channels.
  private func divideTiles(_ job: ck_winograd) {
    let block = tilesAtOnce(job)
    let scratch = TransformScratch(self, job, block: block)
    // Whole units for every task, and a number of tasks that divides evenly among the threads when they are
    // few.
    let unit = kernels.tile_pixels
    let units = (job.last_tile + unit - 1) / unit
    var tasks = (job.last_tile + block - 1) / block
    if tasks < 8 * pool.threadCount {
      tasks = (tasks + pool.threadCount - 1) / pool.threadCount * pool.threadCount
    }
    tasks = min(tasks, units)
    let count = tasks
    pool.forEach(count) { task, worker in
      scratch.run(
        job, task * units / count * unit..<min((task + 1) * units / count * unit, job.last_tile),
        worker: worker)
    }
  }

  /// Every task computes a few whole images, and their moments while they are in the cache.
  private func divideImages(_ job: ck_winograd, _ moments: MomentsTable) {
    let scratch = TransformScratch(self, job, block: tilesAtOnce(job))
    let perImage = job.last_tile / images
    let unit = kernels.tile_pixels
    // As many as leave little of the last unit of tiles empty.
    func waste(_ count: Int) -> Double {
      Double((unit - count * perImage % unit) % unit) / Double(count * perImage)
    }
    let most = max(1, images / (2 * pool.threadCount))
    let group = (1...min(most, 8)).min { waste($0) < waste($1) - 0.01 }!
    pool.forEach((images + group - 1) / group) { task, worker in
      let range = task * group..<min((task + 1) * group, images)
      scratch.run(job, range.lowerBound * perImage..<range.upperBound * perImage, worker: worker)
      for image in range { moments.measure(kernels, image: image) }
    }
  }

  /// All tiles are transformed first; then every task computes some of their channels, so that weights are
  /// read once.
  private func divideTransformedOutputs(_ job: ck_winograd, _ output: FeatureMap, _ moments: MomentsTable?) {
    let tiles = job.last_tile
    let lease = network.buffers.lease(job.elements * tiles * job.channels)
    let fields = lease.buffer.pointer
    let unit = kernels.tile_pixels
    let block = 112 / unit * unit
    let panels = job.last_panel
    let tasks = pool.threadCount == 1 ? 1 : min(panels, 2 * pool.threadCount)
    let products = scratch(job.productCount(tiles: block, panels: (panels + tasks - 1) / tasks, kernels))
    let step = 4
    pool.forEach((tiles + step - 1) / step) { task, _ in
      var part = job
      part.first_tile = task * step
      part.last_tile = min(tiles, part.first_tile + step)
      part.fields = fields + part.first_tile * job.channels
      part.field_tiles = tiles
      kernels.winograd_fields(&part)
    }
    pool.forEach(tasks) { task, worker in
      var part = job
      part.first_panel = task * panels / tasks
      part.last_panel = (task + 1) * panels / tasks
      part.field_tiles = tiles
      part.products = products[worker].buffer.pointer
      for first in stride(from: 0, to: tiles, by: block) {
        part.first_tile = first
        part.last_tile = min(tiles, first + block)
        part.fields = fields + first * job.channels
        kernels.winograd_outputs(&part)
      }
      if let moments { measurePanels(moments, part.first_panel..<part.last_panel, of: output) }
    }
    withExtendedLifetime(lease) {}
  }
}

extension ck_winograd {
  /// Elements of a transformed tile.
  fileprivate var elements: Int { (side + 2) * (side + 2) }

  /// Floats of the products of some tiles, a multiple of the kernel's unit, with some panels.
  fileprivate func productCount(tiles: Int, panels: Int, _ kernels: ck_layer_kernels) -> Int {
    min(panels, CK_WINOGRAD_PANELS) * elements * tiles * kernels.panel_width
  }
}

/// Every worker's memory for transformed tiles and their products.
private struct TransformScratch {
  let block: Int
  let fields: [BufferPool.Lease]
  let products: [BufferPool.Lease]
  let kernels: ck_layer_kernels

  init(_ executor: Executor, _ job: ck_winograd, block: Int) {
    self.block = block
    kernels = executor.kernels
    // After the last tile's fields another whole unit may be read.
    fields = executor.scratch(job.elements * (block + 1) * job.channels)
    products = executor.scratch(job.productCount(tiles: block, panels: job.last_panel, kernels))
  }

  /// Transforms tiles and computes all their channels, `block` tiles at a time.
  func run(_ job: ck_winograd, _ tiles: Range<Int>, worker: Int) {
    var part = job
    part.fields = fields[worker].buffer.pointer
    part.field_tiles = block
    part.products = products[worker].buffer.pointer
    for first in stride(from: tiles.lowerBound, to: tiles.upperBound, by: block) {
      part.first_tile = first
      part.last_tile = min(tiles.upperBound, first + block)
      kernels.winograd_fields(&part)
      kernels.winograd_outputs(&part)
    }
  }
}
