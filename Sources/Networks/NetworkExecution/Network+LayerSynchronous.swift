import NetworkGraphs
import Platform
import Statistics
import TensorMath

extension Network {
  /// Passes a whole data set through the network layer by layer: every BatchNorm normalizes with the moments
  /// of all images before the next layer runs.
  ///
  /// The moments then do not depend on how the images are divided into batches, and on their order only by
  /// float64 rounding. The arithmetic is that of one forward pass; activations are kept between layers, in
  /// memory as far as `memory` allows, the rest in a scratch file.
  ///
  /// - Parameters:
  ///   - batchCount: Number of batches.
  ///   - memory: Bytes of activations to keep in memory, at least one batch.
  ///   - scratchFolder: Folder of the scratch file, which has no name there.
  ///   - scratchElement: Storage format of activations in that file. With float16 they are rounded to 11
  ///     bits, so that the moments depend on how much fits into memory.
  ///   - layers: Names of the BatchNorms to measure; the others normalize with their running statistics. Nil
  ///     is all.
  ///   - load: Returns a batch, `[n, h, w, channels]`; called once for each, in order.
  ///   - inspect: Receives every such BatchNorm, the moments of its input over a batch, and the batch's
  ///     number; may throw before the other batches have been measured.
  ///   - observe: Receives every such BatchNorm and the moments of its input over all images, in execution
  ///     order.
  ///   - onStep: Called after each batch of each step with the number of its images.
  /// - Throws: `NetworkError.wrongInput`, `.inputTooSmall`, `.scratchFile`, `.scratchOverflow`; errors of the
  ///   closures.
  public func layerSynchronousStatistics(
    batchCount: Int, memory: Int, scratchFolder: String, scratchElement: ScratchElement = .f32,
    layers: Set<String>? = nil, load: (Int) throws -> Tensor,
    inspect: (BatchNormLayer, ChannelMoments, Int) throws -> Void = { _, _, _ in },
    observe: (BatchNormLayer, ChannelMoments) throws -> Void,
    onStep: (Int) -> Void = { _ in }
  ) throws {
    let measured = layers.map(indices)
    var executors: [Executor] = []
    var scratch: ScratchFile?
    var used = 0
    for batch in 0..<batchCount {
      let input = try load(batch)
      let sizes = try plan.graph.sizes(height: input.shape[1], width: input.shape[2])
      let images = try imageCount(input)
      used += peakBytes(sizes) * images
      if batch > 0 && used > memory {
        scratch = try scratch ?? ScratchFile(folder: scratchFolder, element: scratchElement)
      }
      let executor = Executor(
        self, mode: .batchStatistics, affines: [], images: images, sizes: sizes, measuredLayers: measured,
        sharesMaps: false, scratch: scratch)
      executor.setInput(input, first: 0)
      try executor.rest(changed: 0)
      executors.append(executor)
    }

    let last = plan.steps.lastIndex { step in
      step.epilogue.batchNorm.map { measured?.contains($0) ?? true } ?? false
    }
    guard let last else { return }
    for index in 0...last {
      let output = plan.steps[index].output
      var images: [ChannelMoments] = []
      let layer = plan.steps[index].epilogue.batchNorm.map { batchNorms[$0] }
      for (batch, executor) in executors.enumerated() {
        try executor.restore(for: index)
        if let own = executor.measure(index), let layer {
          try inspect(layer, ChannelMoments(merging: own), batch)
          images += own
        }
        try executor.rest(changed: output)
        onStep(executor.images)
      }
      let moments = images.isEmpty ? nil : ChannelMoments(merging: images)
      if let moments, let layer { try observe(layer, moments) }
      for executor in executors {
        try executor.restore(for: index)
        executor.complete(index, moments: moments)
        try executor.rest(changed: output)
      }
    }
  }

  /// Largest number of steps that `layerSynchronousStatistics` runs, for progress.
  public var stepCount: Int { plan.steps.count }

  /// The indices of the BatchNorms of these names.
  func indices(of layers: Set<String>) -> Set<Int> {
    Set(batchNorms.indices.filter { layers.contains(batchNorms[$0].name) })
  }

  /// Largest number of bytes of one image's maps at any step; no more than an integer holds.
  func peakBytes(_ sizes: [MapSize]) -> Int {
    var live: Set<Int> = [0]
    var peak = 0
    for (index, step) in plan.steps.enumerated() {
      live.insert(step.output)
      peak = max(peak, live.reduce(0) { $0.adding(exactly: sizes[$1].count) ?? Int.max })
      live.subtract(plan.released[index])
    }
    return peak.multiplied(exactlyBy: MemoryLayout<Float>.stride) ?? Int.max
  }
}
