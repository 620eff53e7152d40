import CKernels
import TensorMath

/// Runs the steps of a plan on some images.
///
/// Inference: BatchNorm with given statistics, as scale and shift behind the convolution. Batch statistics: every
/// BatchNorm normalises with the moments of these images.
final class Executor {
  typealias Observer = (BatchNormLayer, ChannelMoments) throws -> Void

  let network: Network
  let mode: ForwardMode
  let affines: [ChannelAffine]
  let images: Int
  let sizes: [MapSize]
  /// Indices of the BatchNorms that normalise with the batch in batch-statistics mode; nil is all of them.
  let measuredLayers: Set<Int>?
  private(set) var maps: [Int: FeatureMap] = [:]
  /// Where maps rest that are not needed at once; nil keeps all of them in memory.
  var scratch: ScratchFile?
  /// Maps that are in the scratch file, whether or not they are also in memory.
  var slots: [Int: ScratchFile.Slot] = [:]

  var pool: ThreadPool { network.pool }
  var kernels: ck_layer_kernels { network.kernels }

  /// - Parameters:
  ///   - affines: The BatchNorms with their running statistics; not read in batch-statistics mode.
  ///   - sizes: Every node's map size for these images.
  init(
    _ network: Network, mode: ForwardMode, affines: [ChannelAffine], images: Int, sizes: [MapSize],
    measuredLayers: Set<Int>? = nil
  ) {
    self.network = network
    self.mode = mode
    self.affines = affines
    self.images = images
    self.sizes = sizes
    self.measuredLayers = measuredLayers
  }

  deinit {
    for node in Set(maps.keys).union(slots.keys) { release(node) }
  }

  /// Makes `tensor`'s images from `first` on the network's input.
  func setInput(_ tensor: Tensor, first: Int) {
    let map = newMap(0)
    let count = images * map.size.count
    map.buffer.pointer.update(from: tensor.pointer + first * map.size.count, count: count)
    maps[0] = map
  }

  /// Runs the steps in `range`; results that no later step reads are released.
  /// - Parameter observe: Gets the moments of every BatchNorm's input that is measured, in batch-statistics mode.
  func run(_ range: Range<Int>, observe: Observer = { _, _ in }) throws {
    for index in range {
      let moments = measure(index).map(ChannelMoments.init(merging:))
      if let moments, let layer = network.plan.steps[index].epilogue.batchNorm {
        try observe(network.batchNorms[layer], moments)
      }
      complete(index, moments: moments)
    }
  }

  /// The first half of a step: everything before its BatchNorm.
  ///
  /// - Returns: The moments of what the BatchNorm reads, image by image; nil where its running statistics are used.
  func measure(_ index: Int) -> [ChannelMoments]? {
    let step = network.plan.steps[index]
    maps[step.output] = newMap(step.output)
    return runOperation(of: step)
  }

  /// The second half of a step: its BatchNorm and what follows; results that no later step reads are released.
  ///
  /// - Parameter moments: What the BatchNorm normalises with; nil for its running statistics.
  func complete(_ index: Int, moments: ChannelMoments?) {
    let step = network.plan.steps[index]
    finish(step, moments: moments)
    for node in network.plan.released[index] { release(node) }
  }

  /// What the BatchNorm of `step` would read, the steps before it having run.
  func batchNormInput(_ step: Step) -> FeatureMap {
    guard case .convolution(let convolution) = step.operation else { return maps[step.inputs[0]]! }
    var bare = step
    bare.epilogue = Step.Epilogue()
    maps[step.output] = newMap(step.output)
    _ = convolve(bare, convolution, into: maps[step.output]!)
    return maps[step.output]!
  }

  func newMap(_ node: Int) -> FeatureMap {
    FeatureMap(buffer: network.buffers.take(images * sizes[node].count), images: images, size: sizes[node])
  }

  private func release(_ node: Int) {
    removeFromMemory(node)
    if let slot = slots.removeValue(forKey: node) { scratch?.free(slot) }
  }

  func removeFromMemory(_ node: Int) {
    if let map = maps.removeValue(forKey: node) { network.buffers.give(map.buffer) }
  }

  func put(_ map: FeatureMap, at node: Int) { maps[node] = map }

  private func runOperation(of step: Step) -> [ChannelMoments]? {
    let output = maps[step.output]!
    switch step.operation {
    case .convolution(let convolution):
      let moments = convolve(step, convolution, into: output)
      return isMeasured(step) ? moments : nil
    case .batchNorm: return isMeasured(step) ? moments(of: maps[step.inputs[0]]!) : nil
    case .activation, .add:
      apply(
        Pointwise(activation: step.epilogue.activation), maps[step.inputs[0]]!,
        residual: step.inputs.count > 1 ? maps[step.inputs[1]]! : nil, into: output)
    case .linear(let linear):
      multiply(step, linear, into: output)
      if step.epilogue.activation != .identity {
        apply(Pointwise(activation: step.epilogue.activation), output, residual: nil, into: output)
      }
    case .gate: gate(step, into: output)
    case .concatenate: concatenate(step, into: output)
    case .slice(let range): copyChannels(step, from: range.lowerBound, into: output)
    case .shuffle(let groups): shuffle(step, groups: groups, into: output)
    case .maxPool(let window): slide(step, window, ck_max, into: output)
    case .averagePool(let window, let countIncludePad):
      slide(step, window, countIncludePad ? ck_mean_padded : ck_mean_valid, into: output)
    case .globalAverage: globalAverage(step, into: output)
    case .adaptiveAverage: adaptiveAverage(step, into: output)
    case .affine: affine(step, into: output)
    case .multiply: multiplyMaps(step, into: output)
    case .mask: mask(step, into: output)
    case .function(let function): self.function(step, function, into: output)
    case .globalMax: globalMax(step, into: output)
    case .pad(let margins): pad(step, margins, into: output)
    case .reorder(let order): reorder(step, order, into: output)
    case .spaceToDepth(let rows, let columns):
      spaceToDepth(step, rows: rows, columns: columns, into: output)
    case .enlarge(let rows, let columns): enlarge(step, rows: rows, columns: columns, into: output)
    case .acrossChannels(_, let taps, let padding):
      convolveAcrossChannels(step, taps: taps, padding: padding, into: output)
    case .softmax(let groups): softmax(step, groups: groups, into: output)
    case .sumOfGroups(let groups): sumGroups(step, groups, into: output)
    case .input: preconditionFailure("the input is not a step")
    }
    return nil
  }

  private func isMeasured(_ step: Step) -> Bool {
    guard mode == .batchStatistics, let layer = step.epilogue.batchNorm else { return false }
    return measuredLayers.map { $0.contains(layer) } ?? true
  }

  /// BatchNorm, residual and activation, where `runOperation` has left them.
  private func finish(_ step: Step, moments: ChannelMoments?) {
    let output = maps[step.output]!
    let input: FeatureMap
    switch step.operation {
    case .convolution where mode == .batchStatistics: input = output
    case .batchNorm: input = maps[step.inputs[0]]!
    default: return
    }
    var pointwise = Pointwise(activation: step.epilogue.activation)
    if let index = step.epilogue.batchNorm {
      let affine =
        if let moments {
          network.affine(index, mean: moments.mean, variance: moments.biasedVariance)
        } else if mode == .batchStatistics {
          // The convolution has already added its bias.
          network.runningAffine(index)
        } else {
          affines[index]
        }
      pointwise.scale = affine.scale
      pointwise.shift = affine.shift
    }
    let residual = step.epilogue.residual.map { maps[$0]! }
    if pointwise.isIdentity && residual == nil && input.buffer === output.buffer { return }
    apply(pointwise, input, residual: residual, into: output)
  }
}

extension ChannelMoments {
  /// The moments of several images, merged in their order.
  init(merging images: [ChannelMoments]) {
    self.init(channels: images[0].mean.count)
    for image in images { merge(image) }
  }
}
