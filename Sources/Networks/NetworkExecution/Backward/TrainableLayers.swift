import NetworkGraphs
import Platform
import Statistics
import TensorMath

/// The part of a network behind a cut, with weights of its own that training may change.
///
/// ```swift
/// let layers = try TrainableLayers(network, cut: cut, height: 224, width: 224, pool: pool)
/// let maps = try network.maps(at: cut, of: images)
/// let logits = layers.logits(maps.pointer, images: images.shape[0], mode: .training)
/// layers.clearGradients()
/// layers.backward(byLogits)
/// print(layers.tensors.filter(\.isTrained).map(\.name.string))
/// ```
///
/// Float32. All activations of a batch are kept for the backward pass. Results do not depend on the number of threads.
package final class TrainableLayers {
  /// Use of the network, and the statistics of its BatchNorms.
  package enum Mode: Sendable {
    /// With running statistics; nothing is kept for a backward pass.
    case inference
    /// With running statistics that stay.
    case trainingWithRunningStatistics
    /// With the statistics of the batch, toward which the running ones move.
    case training
    /// With the statistics of the batch, which `collectMoments` may collect.
    case trainingWithBatchStatistics
  }

  /// Floats of the maps at the cut of one image, filled up to a multiple of `mapAlignment`.
  package let floatsPerImage: Int
  /// Outputs of the classifier.
  package let classes: Int
  /// All tensors behind the cut in execution order; trained or not.
  package let tensors: [TrainableTensor]

  private let cut: NetworkCut
  private let graph: Graph
  private let sizes: [MapSize]
  private let layers: [Int: any LayerGradient]
  private let batchNormLayers: [BatchNormGradient]
  private let pool: ThreadPool
  private let network: Network
  /// Nodes whose derivatives are needed: something before them, or they themselves, are trained.
  private let differentiated: Set<Int>
  /// For every node behind the cut the nodes that nothing later reads.
  private let released: [Int: [Int]]

  private var values: [Int: FeatureMap] = [:]
  private var pass: TuningPass?

  /// - Parameters:
  ///   - network: The network whose weights are the start.
  ///   - cut: The place that divides it.
  ///   - height: Height of the images.
  ///   - width: Width of the images.
  ///   - classes: Outputs of a new classifier; nil keeps the network's. The weights of a classifier at the end are zeros
  ///     until the caller sets them.
  ///   - dropPath: Probability with which the residual branch of the last block is left out in training.
  ///   - pool: Runs the arithmetic.
  /// - Throws: `NetworkError.notDifferentiable` for a layer without a gradient; `NetworkError.inputTooSmall`; errors of
  ///   reading.
  package init(
    _ network: Network, cut: NetworkCut, height: Int, width: Int, classes: Int? = nil, dropPath: Double = 0,
    pool: ThreadPool
  ) throws {
    self.network = network
    self.cut = cut
    self.pool = pool
    graph = network.plan.graph
    guard case .linear = graph.nodes[graph.output].operation else {
      throw NetworkError.notDifferentiable(
        layer: graph.nodes[graph.output].name, operation: "it follows the classifier",
        architecture: network.architectureName)
    }
    self.classes = classes ?? network.classCount
    var sizes = try graph.sizes(height: height, width: width)
    sizes[graph.output].channels = self.classes
    self.sizes = sizes
    let made = try LayerGradients(
      network.description, cut, classes: self.classes, statistics: network.runningStatistics,
      dropPath: dropPath)
    tensors = made.tensors
    layers = made.layers
    batchNormLayers = made.batchNorms
    floatsPerImage = cut.floatsPerImage(sizes)

    let trained = Set(cut.trained)
    var differentiated: Set<Int> = []
    var lastReader: [Int: Int] = [:]
    for node in cut.nodes {
      lastReader[node] = node
      for input in graph.nodes[node].inputs { lastReader[input] = node }
      if graph.nodes[node].inputs.contains(where: differentiated.contains)
        || graph.nodes[node].operation.tensors.contains(where: trained.contains)
      {
        differentiated.insert(node)
      }
    }
    self.differentiated = differentiated
    var released: [Int: [Int]] = [:]
    for (node, reader) in lastReader where node != network.plan.graph.output {
      released[reader, default: []].append(node)
    }
    self.released = released
  }

  /// The BatchNorms behind the cut in execution order.
  package var batchNorms: [BatchNormLayer] { batchNormLayers.map(\.layer) }

  /// Their running statistics.
  package var statistics: [RunningStatistics] {
    get { batchNormLayers.map(\.running) }
    set { for (layer, statistics) in zip(batchNormLayers, newValue) { layer.running = statistics } }
  }

  /// Fewest values that a channel of a BatchNorm has in a batch of `images`; nil without a BatchNorm.
  package func valuesPerChannel(images: Int) -> Int? {
    batchNorms.map { images * sizes[$0.nodeIndex].pixels }.min()
  }

  /// Bytes of activations of one image between forward and backward pass, derivatives included.
  package var activationBytes: Int {
    2 * cut.nodes.reduce(floatsPerImage) { $0 + sizes[$1].count } * MemoryLayout<Float>.stride
  }

  // MARK: Passes

  /// The logits of some images, `[images, classes]`.
  ///
  /// - Parameters:
  ///   - maps: The maps at the cut, `floatsPerImage` for each image, as `Network.maps(at:of:)` returns them.
  ///   - images: Number of images.
  ///   - mode: Use and statistics. All but inference keep what `backward` needs.
  ///   - dropPath: Draws of stochastic depth; nil keeps all branches.
  package func logits(
    _ maps: UnsafePointer<Float>, images: Int, mode: Mode, dropPath: DropPath? = nil
  ) -> Tensor {
    let (normalization, keeps): (TuningPass.Normalization, Bool) =
      switch mode {
      case .inference: (.running, false)
      case .trainingWithRunningStatistics: (.running, true)
      case .training: (.batch(movesRunning: true), true)
      case .trainingWithBatchStatistics: (.batch(movesRunning: false), true)
      }
    let pass = TuningPass(
      pool: pool, buffers: network.buffers, kernels: network.kernels, normalization: normalization,
      dropPath: dropPath)
    values = [:]
    var offset = 0
    for node in cut.entries {
      let map = FeatureMap(network.buffers, images: images, size: sizes[node])
      pool.forEach(images) { image, _ in
        map.image(image).update(from: maps + image * floatsPerImage + offset, count: map.size.count)
      }
      offset += map.size.count
      values[node] = map
    }
    for node in cut.nodes {
      let map = FeatureMap(network.buffers, images: images, size: sizes[node])
      layers[node]!.forward(graph.nodes[node].inputs.map { values[$0]! }, into: map, pass)
      values[node] = map
      if !keeps {
        for other in released[node] ?? [] { values[other] = nil }
      }
    }
    let logits = Tensor(uninitialized: [images, classes])
    values[graph.output]!.copy(to: logits.pointer)
    self.pass = keeps ? pass : nil
    if !keeps { values = [:] }
    return logits
  }

  /// Adds the gradients of the last forward pass to those of the trained tensors.
  ///
  /// - Parameter byLogits: The derivative of the loss by the logits, `[images, classes]`.
  package func backward(_ byLogits: [Float]) {
    guard let pass, let output = values[graph.output] else {
      preconditionFailure("no forward pass to go back through")
    }
    var slopes: [Int: FeatureMap] = [:]
    let last = FeatureMap(network.buffers, images: output.images, size: output.size)
    precondition(byLogits.count == last.images * last.size.count, "derivatives of another batch")
    byLogits.withUnsafeBufferPointer { last.pointer.update(from: $0.baseAddress!, count: $0.count) }
    slopes[graph.output] = last
    for node in cut.nodes.reversed() {
      guard let slope = slopes.removeValue(forKey: node), differentiated.contains(node) else { continue }
      let inputs = graph.nodes[node].inputs
      for input in inputs where differentiated.contains(input) && slopes[input] == nil {
        let map = FeatureMap(network.buffers, images: slope.images, size: sizes[input])
        pool.eachBlock(of: map.images * map.size.count, 1 << 16) { range, _ in
          (map.pointer + range.lowerBound).update(repeating: 0, count: range.count)
        }
        slopes[input] = map
      }
      layers[node]!.backward(
        inputs.map { values[$0]! }, values[node]!, by: slope, into: inputs.map { slopes[$0] }, pass)
      // Everything that reads this node has been gone back through.
      values[node] = nil
    }
    values = [:]
    self.pass = nil
  }

  /// Sets all gradients to zero; required before the first backward pass, which otherwise computes none.
  package func clearGradients() {
    pool.forEach(tensors.count) { index, _ in tensors[index].clearGradient() }
  }

  /// Announces that elements of the tensors have changed.
  package func weightsChanged() {
    for layer in layers.values { layer.weightsChanged() }
  }

  // MARK: Recalibration

  /// Begins to collect the moments of the inputs of all BatchNorms in passes with batch statistics.
  package func collectMoments() {
    for layer in batchNormLayers { layer.collected = ChannelMoments(channels: layer.layer.channels) }
  }

  /// Makes the collected moments the running statistics, with biased variances, and stops collecting.
  package func useCollectedMoments() {
    for layer in batchNormLayers {
      if let moments = layer.collected, moments.count > 0 {
        layer.running = RunningStatistics(mean: moments.mean, variance: moments.biasedVariance)
      }
      layer.collected = nil
    }
  }
}
