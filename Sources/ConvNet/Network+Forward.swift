import TensorMath

extension Network {
  /// The logits of some images with running statistics.
  /// - Parameter input: `[n, h, w, channels]`, normalised as in training.
  /// - Returns: `[n, classes]`.
  /// - Throws: `ConvNetError.wrongInput`, `ConvNetError.inputTooSmall`.
  public func logits(_ input: Tensor) throws -> Tensor {
    let logits = Tensor(uninitialized: [try imageCount(input), classCount])
    try forEachChunk(of: input) { executor, first in
      try executor.run(plan.steps.indices)
      let result = executor.maps[plan.graph.output]!
      (logits.pointer + first * classCount).update(
        from: result.buffer.pointer, count: result.images * classCount)
    }
    return logits
  }

  /// One forward pass in which every BatchNorm normalises with the batch's mean and biased variance.
  ///
  /// The moments are accumulated in float64, image by image in the order of the batch.
  /// - Parameters:
  ///   - input: `[n, h, w, channels]`, normalised as in training.
  ///   - layers: Names of the BatchNorms meant; the others normalise with their running statistics. Nil is all.
  ///   - observe: Gets every such BatchNorm and the moments of its input over the batch, in execution order.
  /// - Returns: The logits, `[n, classes]`.
  /// - Throws: `ConvNetError.wrongInput`, `ConvNetError.inputTooSmall`, what `observe` throws.
  public func forwardWithBatchStatistics(
    _ input: Tensor, layers: Set<String>? = nil, observe: (BatchNormLayer, ChannelMoments) throws -> Void
  ) throws -> Tensor {
    let images = try imageCount(input)
    let sizes = try plan.graph.sizes(height: input.shape[1], width: input.shape[2])
    let logits = Tensor(uninitialized: [images, classCount])
    guard images > 0 else { return logits }
    let executor = Executor(
      self, mode: .batchStatistics, affines: [], images: images, sizes: sizes,
      measuredLayers: layers.map(indices))
    executor.setInput(input, first: 0)
    try executor.run(plan.steps.indices, observe: observe)
    logits.pointer.update(
      from: executor.maps[plan.graph.output]!.buffer.pointer, count: logits.count)
    return logits
  }

  /// What reaches the tail in inference mode: the input of the last BatchNorm and the residual added behind it.
  ///
  /// Where the network has no such BatchNorm (`classifier.lastBatchNorm` is nil) it is the classifier's input.
  /// - Parameter input: `[n, h, w, channels]`, normalised as in training.
  /// - Throws: `ConvNetError.wrongInput`, `ConvNetError.inputTooSmall`.
  public func tailInputs(_ input: Tensor) throws -> TailFeatures {
    let images = try imageCount(input)
    let sizes = try plan.graph.sizes(height: input.shape[1], width: input.shape[2])
    func tensor(_ node: Int) -> Tensor {
      Tensor(uninitialized: [images, sizes[node].height, sizes[node].width, sizes[node].channels])
    }
    func append(_ map: FeatureMap, to tensor: Tensor, _ first: Int) {
      (tensor.pointer + first * map.size.count).update(
        from: map.buffer.pointer, count: map.images * map.size.count)
    }
    guard let classifier else { preconditionFailure("\(architectureName) has no classifier to tune") }
    guard let index = classifier.stepIndex else {
      let features = tensor(classifier.inputNode)
      try forEachChunk(of: input) { executor, first in
        try executor.run(0..<classifier.classifierStep)
        append(executor.maps[classifier.inputNode]!, to: features, first)
      }
      return TailFeatures(input: features, residual: nil)
    }
    let step = plan.steps[index]
    let features = tensor(step.output)
    let residual = step.epilogue.residual.map(tensor)
    try forEachChunk(of: input) { executor, first in
      try executor.run(0..<index)
      if let residual, let node = step.epilogue.residual { append(executor.maps[node]!, to: residual, first) }
      append(executor.batchNormInput(step), to: features, first)
    }
    return TailFeatures(input: features, residual: residual)
  }

  /// Runs `body` on executors that hold a few images each, so that their maps stay near the processor.
  private func forEachChunk(of input: Tensor, _ body: (_ executor: Executor, _ first: Int) throws -> Void)
    throws
  {
    let images = try imageCount(input)
    let (height, width) = (input.shape[1], input.shape[2])
    let sizes = try plan.graph.sizes(height: height, width: width)
    let affines = runningAffines()
    let chunk = max(1, Self.pixelsPerChunk / (height * width))
    for first in stride(from: 0, to: images, by: chunk) {
      let executor = Executor(
        self, mode: .inference, affines: affines, images: min(chunk, images - first), sizes: sizes)
      executor.setInput(input, first: first)
      try body(executor, first)
    }
  }

  private static let pixelsPerChunk = 8 * 224 * 224

  func imageCount(_ input: Tensor) throws(ConvNetError) -> Int {
    guard input.shape.count == 4, input.shape[3] == inputChannels else {
      throw ConvNetError.wrongInput(expected: [nil, nil, nil, inputChannels], found: input.shape)
    }
    return input.shape[0]
  }
}
