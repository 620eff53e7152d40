import CKernels
import TensorMath

extension Executor {
  /// A 3x3 convolution by Winograd's transforms. The division into tasks does not change any bit of the result.
  func convolveTransformed(_ step: Step, _ convolution: Convolution, into output: FeatureMap) {
    let input = maps[step.inputs[0]]!
    let weights = network.parameters.layers[step.node]!
    let geometry = convolution.window.geometry(height: input.size.height, width: input.size.width)!
    let epilogue = mode == .inference ? inferenceEpilogue(step, weights) : Pointwise(shift: weights.bias)
    let residual = mode == .inference ? step.epilogue.residual.map { maps[$0]! } : nil
    let tiles = images * ((output.size.height + 3) / 4) * ((output.size.width + 3) / 4)
    epilogue.withPointers { scale, shift in
      let job = ck_winograd(
        x: input.buffer.pointer, x_stride: input.size.channels, x_image: input.size.count,
        height: input.size.height, width: input.size.width, channels: convolution.inputChannels,
        pad_top: geometry.window.pad_top, pad_left: geometry.window.pad_left, y: output.buffer.pointer,
        y_stride: output.size.channels, y_image: output.size.count, residual: residual?.buffer.pointer,
        out_height: output.size.height, out_width: output.size.width, outputs: convolution.outputChannels,
        weight: weights.weight.pointer, scale: scale, shift: shift,
        activation: epilogue.activation.kernelCode,
        first_tile: 0, last_tile: tiles, fields: nil, field_tiles: 0, first_panel: 0,
        last_panel: weights.weight.shape[0], products: nil)
      if weights.weight.count > Self.largestSharedTransform {
        divideTransformedOutputs(job)
      } else {
        divideTiles(job)
      }
    }
  }

  /// As for untransformed weights, but these have four times the size and are read less often.
  private static let largestSharedTransform = 640 * 1024

  /// Tiles that are multiplied at a time; a multiple of what the kernel takes at once.
  private func tilesPerTask(channels: Int, limit: Int) -> Int {
    max(1, min(limit, 144 * 1024 / (36 * channels * 14))) * 14
  }

  /// Every task transforms some tiles and computes all their channels.
  private func divideTiles(_ job: ck_winograd) {
    let block = tilesPerTask(channels: job.channels, limit: 4)
    let fields = scratch(36 * (block + 1) * job.channels)
    let products = scratch(36 * block * kernels.panel_width)
    defer {
      giveBack(fields)
      giveBack(products)
    }
    let tiles = job.last_tile
    pool.forEach((tiles + block - 1) / block) { task, worker in
      var part = job
      part.first_tile = task * block
      part.last_tile = min(tiles, part.first_tile + block)
      part.fields = fields[worker].pointer
      part.field_tiles = block
      part.products = products[worker].pointer
      kernels.winograd_fields(&part)
      kernels.winograd_outputs(&part)
    }
  }

  /// All tiles are transformed first; then every task computes some of their channels, so that weights are read once.
  private func divideTransformedOutputs(_ job: ck_winograd) {
    let tiles = job.last_tile
    let fields = network.buffers.take(36 * tiles * job.channels)
    let block = 112
    let products = scratch(36 * block * kernels.panel_width)
    defer {
      network.buffers.give(fields)
      giveBack(products)
    }
    let step = 4
    pool.forEach((tiles + step - 1) / step) { task, _ in
      var part = job
      part.first_tile = task * step
      part.last_tile = min(tiles, part.first_tile + step)
      part.fields = fields.pointer + part.first_tile * job.channels
      part.field_tiles = tiles
      kernels.winograd_fields(&part)
    }
    pool.forEach(job.last_panel) { panel, worker in
      var part = job
      part.first_panel = panel
      part.last_panel = panel + 1
      part.field_tiles = tiles
      part.products = products[worker].pointer
      for first in stride(from: 0, to: tiles, by: block) {
        part.first_tile = first
        part.last_tile = min(tiles, first + block)
        part.fields = fields.pointer + first * job.channels
        kernels.winograd_outputs(&part)
      }
    }
  }
}
