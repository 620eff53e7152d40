import CNetworkKernels
import TensorMath

/// timm's test-time pooling: the last map is averaged over windows of its size in training, each window is
/// classified, and mean and maximum of the windows' logits are averaged (`TestTimePoolHead` in
/// `timm/layers`).
extension Network {
  /// The size of the map that the classifier's global average pools.
  /// - Returns: Nil where another operation precedes the classifier, so that windows cannot be classified.
  /// - Throws: `NetworkError.inputTooSmall`.
  public func pooledMapSize(height: Int, width: Int) throws -> (height: Int, width: Int)? {
    guard let step = poolingStep else { return nil }
    let size = try plan.graph.sizes(height: height, width: width)[plan.steps[step].inputs[0]]
    return (size.height, size.width)
  }

  /// The logits of some images with test-time pooling.
  ///
  /// A window larger than the map is cropped to it; one that covers the map gives the ordinary logits.
  /// - Parameters:
  ///   - input: `[n, h, w, channels]`, normalized as in training.
  ///   - window: Height and width of the windows, which slide over every position.
  ///   - statistics: Statistics that replace the running ones; nil uses the running statistics.
  /// - Returns: `[n, classes]`.
  /// - Precondition: `pooledMapSize` is not nil.
  /// - Throws: `NetworkError.wrongInput`, `NetworkError.inputTooSmall`.
  public func logits(_ input: Tensor, window: Int, statistics: [RunningStatistics]? = nil) throws -> Tensor {
    guard let pooling = poolingStep else { preconditionFailure("\(architectureName) has no global pooling") }
    let logits = Tensor(uninitialized: [try imageCount(input), classCount])
    try forEachChunk(of: input, end: pooling, statistics: statistics) { executor, first in
      executor.classifyWindows(
        of: executor.map(plan.steps[pooling].inputs[0]), side: window,
        into: logits.pointer + first * classCount)
    }
    return logits
  }

  /// The step that averages the last map for the classifier.
  private var poolingStep: Int? {
    plan.steps.firstIndex { step in
      guard step.output == classifier?.inputNode, case .globalAverage = step.operation else { return false }
      return true
    }
  }
}

extension Executor {
  /// Half the sum of mean and maximum of the logits over all windows, for every image of `map`.
  fileprivate func classifyWindows(
    of map: FeatureMap, side: Int, into target: UnsafeMutablePointer<Float>
  ) {
    guard let classifier = network.classifier,
      case let step = network.plan.steps[classifier.classifierStep],
      case .linear(let linear) = step.operation
    else { preconditionFailure("no classifier") }
    let weights = network.parameters.layers[step.node]!
    let (size, classes) = (map.size, linear.outputChannels)
    let (height, width) = (min(side, size.height), min(side, size.width))
    let (rows, columns) = (size.height - height + 1, size.width - width + 1)
    pool.forEach(images) { image, _ in
      let means = Tensor(uninitialized: [rows * columns, size.channels])
      var average = ck_pool(
        window: ck_window(
          height: size.height, width: size.width, out_height: rows, out_width: columns, kernel_height: height,
          kernel_width: width, stride_y: 1, stride_x: 1, pad_top: 0, pad_left: 0, dilation_y: 1, dilation_x: 1
        ),
        pad_bottom: 0, pad_right: 0, kind: CK_POOL_MEAN_VALID, x: map.image(image), x_stride: map.stride,
        y: means.pointer, y_stride: size.channels, channels: size.channels, first_row: 0, last_row: rows)
      kernels.pool(&average)
      let logits = Tensor(uninitialized: [rows * columns, classes])
      let classify = { (bias: UnsafePointer<Float>?) in
        var job = ck_linear(
          y: logits.pointer, y_stride: classes, x: means.pointer, x_stride: size.channels,
          weight: weights.weight.pointer, bias: bias, rows: rows * columns, inputs: size.channels,
          first_output: 0, last_output: classes)
        self.kernels.linear(&job)
      }
      if let bias = weights.bias {
        bias.withUnsafeBufferPointer { classify($0.baseAddress) }
      } else {
        classify(nil)
      }
      for index in 0..<classes {
        var sum: Float = 0
        var largest = -Float.infinity
        for window in 0..<rows * columns {
          let value = logits.pointer[window * classes + index]
          sum += value
          // Not `max`, which may drop a NaN.
          if !(value <= largest) { largest = value }
        }
        target[image * classes + index] = 0.5 * (sum / Float(rows * columns) + largest)
      }
    }
  }
}
