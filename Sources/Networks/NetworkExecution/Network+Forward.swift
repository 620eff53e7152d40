import NetworkGraphs
import Statistics
import TensorMath

extension Network {
  /// The logits of some images with running statistics.
  ///
  /// ```swift
  /// let network = try Network(openCheckpoint(.path("resnet18.safetensors")), pool: pool)
  /// let loader = BatchLoader(
  ///   dataset, indices: [0, 1, 2, 3], batchSize: 4, views: [.imageNet], workers: 1)
  /// while let batch = try loader.next() { print(try network.logits(batch.views[0]).values) }
  /// ```
  ///
  /// - Parameters:
  ///   - input: `[n, h, w, channels]`, normalized as in training.
  ///   - statistics: Statistics that replace the running ones; nil uses the running statistics.
  /// - Precondition: The network is a classifier (`description.isPartial` is false).
  /// - Returns: `[n, classes]`.
  /// - Throws: `NetworkError.wrongInput`, `NetworkError.inputTooSmall`.
  public func logits(_ input: Tensor, statistics: [RunningStatistics]? = nil) throws -> Tensor {
    precondition(!description.isPartial, "a part of a network has no logits")
    let logits = Tensor(uninitialized: [try imageCount(input), classCount])
    try forEachChunk(of: input, end: plan.steps.count, statistics: statistics) { executor, first in
      executor.map(plan.graph.output).copy(to: logits.pointer + first * classCount)
    }
    return logits
  }

  /// The first part of a forward pass in which every BatchNorm normalizes with the batch's mean and biased variance: up
  /// to the last measured BatchNorm.
  ///
  /// The moments are those of `forwardWithBatchStatistics`, also for networks that have no logits.
  /// - Parameters:
  ///   - input: `[n, h, w, channels]`, normalized as in training.
  ///   - layers: Names of the BatchNorms to measure; the others normalize with their running statistics. Nil
  ///     is all.
  ///   - observe: Receives every such BatchNorm and the moments of its input over the batch, in execution
  ///     order.
  /// - Throws: `NetworkError.wrongInput`, `NetworkError.inputTooSmall`, errors of `observe`.
  public func measureBatchStatistics(
    _ input: Tensor, layers: Set<String>? = nil, observe: (BatchNormLayer, ChannelMoments) throws -> Void
  ) throws {
    let images = try imageCount(input)
    let sizes = try plan.graph.sizes(height: input.shape[1], width: input.shape[2])
    let measured = layers.map(indices)
    let last = plan.steps.lastIndex { step in
      step.epilogue.batchNorm.map { measured?.contains($0) ?? true } ?? false
    }
    guard images > 0, let last else { return }
    let executor = Executor(
      self, mode: .batchStatistics, affines: [], images: images, sizes: sizes, measuredLayers: measured)
    executor.setInput(input, first: 0)
    try executor.run(0..<last + 1, observe: observe)
  }

  /// One forward pass in which every BatchNorm normalizes with the batch's mean and biased variance.
  ///
  /// The moments are accumulated in float64, image by image in the order of the batch.
  /// - Parameters:
  ///   - input: `[n, h, w, channels]`, normalized as in training.
  ///   - layers: Names of the BatchNorms to measure; the others normalize with their running statistics. Nil
  ///     is all.
  ///   - observe: Receives every such BatchNorm and the moments of its input over the batch, in execution
  ///     order.
  /// - Returns: The logits, `[n, classes]`.
  /// - Throws: `NetworkError.wrongInput`, `NetworkError.inputTooSmall`, errors of `observe`.
  public func forwardWithBatchStatistics(
    _ input: Tensor, layers: Set<String>? = nil, observe: (BatchNormLayer, ChannelMoments) throws -> Void
  ) throws -> Tensor {
    precondition(!description.isPartial, "a part of a network has no logits")
    let images = try imageCount(input)
    let sizes = try plan.graph.sizes(height: input.shape[1], width: input.shape[2])
    let logits = Tensor(uninitialized: [images, classCount])
    guard images > 0 else { return logits }
    let executor = Executor(
      self, mode: .batchStatistics, affines: [], images: images, sizes: sizes,
      measuredLayers: layers.map(indices))
    executor.setInput(input, first: 0)
    try executor.run(plan.steps.indices, observe: observe)
    executor.map(plan.graph.output).copy(to: logits.pointer)
    return logits
  }

  /// The tail's inputs in inference mode: the input of the last BatchNorm and the residual added after it.
  ///
  /// Where the network has no such BatchNorm (`classifier.lastBatchNorm` is nil) it is the classifier's
  /// input.
  /// - Parameter input: `[n, h, w, channels]`, normalized as in training.
  /// - Throws: `NetworkError.wrongInput`, `NetworkError.inputTooSmall`.
  public func tailInputs(_ input: Tensor) throws -> TailFeatures {
    let images = try imageCount(input)
    let sizes = try plan.graph.sizes(height: input.shape[1], width: input.shape[2])
    func tensor(_ node: Int) -> Tensor {
      Tensor(uninitialized: [images, sizes[node].height, sizes[node].width, sizes[node].channels])
    }
    func append(_ map: FeatureMap, to tensor: Tensor, _ first: Int) {
      map.copy(to: tensor.pointer + first * map.size.count)
    }
    guard let classifier else { preconditionFailure("\(architectureName) has no classifier to tune") }
    guard let index = classifier.stepIndex else {
      let features = tensor(classifier.inputNode)
      try forEachChunk(of: input, end: classifier.classifierStep) { executor, first in
        append(executor.map(classifier.inputNode), to: features, first)
      }
      return TailFeatures(input: features, residual: nil)
    }
    let step = plan.steps[index]
    let features = tensor(step.output)
    let residual = step.epilogue.residual.map(tensor)
    try forEachChunk(of: input, end: index) { executor, first in
      if let residual, let node = step.epilogue.residual { append(executor.map(node), to: residual, first) }
      append(executor.batchNormInput(step), to: features, first)
    }
    return TailFeatures(input: features, residual: residual)
  }

  /// The inputs of the classifier in inference mode: the pooled features that its logits are a linear map of.
  ///
  /// - Parameters:
  ///   - input: `[n, h, w, channels]`, normalized as in training.
  ///   - statistics: Statistics that replace the running ones; nil uses the running statistics.
  /// - Returns: `[n, classifier.featureCount]`.
  /// - Precondition: `classifier` is not nil.
  /// - Throws: `NetworkError.wrongInput`, `NetworkError.inputTooSmall`.
  public func classifierInputs(_ input: Tensor, statistics: [RunningStatistics]? = nil) throws -> Tensor {
    guard let classifier else { preconditionFailure("\(architectureName) has no classifier") }
    let features = Tensor(uninitialized: [try imageCount(input), classifier.featureCount])
    try forEachChunk(of: input, end: classifier.classifierStep, statistics: statistics) { executor, first in
      executor.map(classifier.inputNode).copy(to: features.pointer + first * classifier.featureCount)
    }
    return features
  }

  /// The classifier's inputs as they would be without scale and shift of the last LayerNorm, in inference mode:
  /// `[n, 1, 1, channels]`.
  ///
  /// The classifier's inputs are these times that scale, plus that shift.
  /// - Parameter input: `[n, h, w, channels]`, normalized as in training.
  /// - Precondition: `classifier.lastLayerNorm` is not nil.
  /// - Throws: `NetworkError.wrongInput`, `NetworkError.inputTooSmall`.
  public func normalizedTailInputs(_ input: Tensor) throws -> TailFeatures {
    guard let classifier, let norm = classifier.lastLayerNorm else {
      preconditionFailure("\(architectureName) has no LayerNorm before its classifier")
    }
    let features = Tensor(uninitialized: [try imageCount(input), 1, 1, classifier.featureCount])
    try forEachChunk(of: input, end: classifier.classifierStep, bareNorm: norm.node) { executor, first in
      executor.map(classifier.inputNode).copy(to: features.pointer + first * classifier.featureCount)
    }
    return TailFeatures(input: features, residual: nil)
  }

  /// Runs the first `end` steps on all images and passes `body` the executors with their results, some images
  /// each.
  ///
  /// With many images every thread takes some and runs all layers on them: threads that met after every layer
  /// would wait for one another. With few images the threads share every layer. Several threads may call
  /// `body` at a time. Another plan keeps other maps, with running statistics.
  func forEachChunk(
    of input: Tensor, end: Int, statistics: [RunningStatistics]? = nil, bareNorm: Int? = nil,
    plan other: Plan? = nil, _ body: (_ executor: Executor, _ first: Int) throws -> Void
  ) throws {
    let images = try imageCount(input)
    let plan = other ?? self.plan
    let sizes = try plan.graph.sizes(height: input.shape[1], width: input.shape[2])
    let threads = pool.threadCount
    let isDivided = dividesBatches(of: images)
    let stages = plan.stages(
      end: end, sizes: sizes, budget: liveFloatsPerThread * (isDivided ? 1 : threads),
      // Two turns for every thread, so that none waits long for the last.
      mostImages: isDivided
        ? min((images + 2 * threads - 1) / (2 * threads), Plan.mostImages) : Plan.mostImages)
    let affines = other == nil ? affines(with: statistics) : runningAffines(for: plan)

    /// An executor that has run the first stages on some images, each stage with its own number of images at
    /// a time.
    func run(_ stageCount: Int, _ first: Int, _ count: Int) throws -> Executor {
      let executor = Executor(
        self, mode: .inference, affines: affines, images: count, sizes: sizes, plan: plan,
        pool: isDivided ? .caller : pool, bareNorm: bareNorm)
      if stageCount > 1 {
        let before = stages[stageCount - 2]
        let map = FeatureMap(buffers, images: count, size: sizes[before.output])
        for begin in stride(from: 0, to: count, by: before.images) {
          let part = min(before.images, count - begin)
          try run(stageCount - 1, first + begin, part).map(before.output).copy(to: map.image(begin))
        }
        executor.put(map, at: before.output)
      } else {
        executor.setInput(input, first: first)
      }
      if stageCount > 0 { try executor.run(stages[stageCount - 1].steps) }
      return executor
    }

    let chunk = stages.last?.images ?? max(images, 1)
    let chunks = (images + chunk - 1) / chunk
    func runChunk(_ index: Int) throws {
      let first = index * chunk
      try body(run(stages.count, first, min(chunk, images - first)), first)
    }
    if isDivided {
      try pool.forEach(chunks) { (index, _) throws in try runChunk(index) }
    } else {
      for index in 0..<chunks { try runChunk(index) }
    }
  }

  /// True if every thread runs all layers on some of the images, rather than a part of every layer on all.
  func dividesBatches(of images: Int) -> Bool { pool.threadCount > 1 && images / 2 >= pool.threadCount }

  func imageCount(_ input: Tensor) throws(NetworkError) -> Int {
    guard input.shape.count == 4, input.shape[3] == inputChannels else {
      throw NetworkError.wrongInput(expected: [nil, nil, nil, inputChannels], found: input.shape)
    }
    return input.shape[0]
  }
}
