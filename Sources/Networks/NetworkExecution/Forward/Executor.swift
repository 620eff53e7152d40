import CNetworkKernels
import NetworkGraphs
import Platform
import Statistics
import TensorMath

/// Runs the steps of a plan on some images.
///
/// Inference: BatchNorm with given statistics, as scale and shift after the convolution. Batch statistics:
/// every BatchNorm normalizes with the moments of these images.
final class Executor {
  typealias Observer = (BatchNormLayer, ChannelMoments) throws -> Void

  let network: Network
  let plan: Plan
  let mode: ForwardMode
  let affines: [ChannelAffine]
  let images: Int
  let sizes: [MapSize]
  /// Indices of the BatchNorms that normalize with the batch in batch-statistics mode; nil is all of them.
  let measuredLayers: Set<Int>?
  /// Node of a LayerNorm that leaves out its scale and shift.
  let bareNorm: Int?
  /// True if maps may be channel ranges of wider ones, so that concatenating and splitting copies less.
  let sharesMaps: Bool
  private var maps: [Int: FeatureMap] = [:]
  /// Maps that are not finished yet.
  private var deferred: [Int: Deferred] = [:]
  /// The maps of concatenations that have not been reached yet.
  private var wide: [Int: FeatureMap] = [:]
  /// File for maps that are not needed at once; nil keeps all of them in memory.
  private let scratch: ScratchFile?
  /// Maps that are in the scratch file, whether or not they are also in memory.
  private var slots: [Int: ScratchFile.Slot] = [:]

  let pool: ThreadPool
  var kernels: ck_layer_kernels { network.kernels }
  private var nodesInMemory: [Int] { maps.keys.sorted() }

  /// - Parameters:
  ///   - affines: The BatchNorms with their running statistics; not read in batch-statistics mode.
  ///   - sizes: Every node's map size for these images.
  ///   - sharesMaps: True if maps may be channel ranges of wider ones.
  ///   - plan: A plan that replaces the network's.
  ///   - pool: A pool that replaces the network's.
  ///   - scratch: File for maps that are not needed at once.
  ///   - bareNorm: Node of a LayerNorm that leaves out its scale and shift.
  init(
    _ network: Network, mode: ForwardMode, affines: [ChannelAffine], images: Int, sizes: [MapSize],
    measuredLayers: Set<Int>? = nil, sharesMaps: Bool = true, plan: Plan? = nil, pool: ThreadPool? = nil,
    scratch: ScratchFile? = nil, bareNorm: Int? = nil
  ) {
    self.network = network
    self.plan = plan ?? network.plan
    self.mode = mode
    self.affines = affines
    self.images = images
    self.sizes = sizes
    self.measuredLayers = measuredLayers
    self.sharesMaps = sharesMaps
    self.pool = pool ?? network.pool
    self.scratch = scratch
    self.bareNorm = bareNorm
  }

  deinit {
    for slot in slots.values { scratch?.free(slot) }
  }

  /// Copies `tensor`'s images from `first` on to the network's input.
  func setInput(_ tensor: Tensor, first: Int) {
    let map = newMap(0)
    let count = images * map.size.count
    map.pointer.update(from: tensor.pointer + first * map.size.count, count: count)
    put(map, at: 0)
  }

  /// Runs the steps in `range`; results that no later step reads are released.
  /// - Parameter observe: Receives the moments of every measured BatchNorm's input, in batch-statistics mode.
  func run(_ range: Range<Int>, observe: Observer = { _, _ in }) throws {
    for index in range {
      let moments = measure(index).map(ChannelMoments.init(merging:))
      if let moments, let layer = plan.steps[index].epilogue.batchNorm {
        try observe(network.batchNorms[layer], moments)
      }
      complete(index, moments: moments, mayDefer: index < range.upperBound - 1)
    }
    for node in deferred.keys.sorted() { _ = map(node) }
  }

  /// The first half of a step: everything before its BatchNorm.
  ///
  /// - Returns: The moments of the BatchNorm's input, image by image; nil where its running statistics are
  ///   used.
  func measure(_ index: Int) -> [ChannelMoments]? {
    runOperation(of: plan.steps[index], releasing: plan.released[index])
  }

  /// The second half of a step: its BatchNorm and the operations after it; results that no later step reads
  /// are released.
  ///
  /// - Parameters:
  ///   - moments: Moments that the BatchNorm normalizes with; nil for its running statistics.
  ///   - mayDefer: True if the next reader may do it instead.
  func complete(_ index: Int, moments: ChannelMoments?, mayDefer: Bool = false) {
    let step = plan.steps[index]
    if let rest = rest(of: step, moments: moments) {
      deferred[step.output] = rest
      if !mayDefer || !canDefer(rest, step) { _ = map(step.output) }
    }
    for node in plan.released[index] { release(node) }
  }

  /// The input of the BatchNorm of `step`, after the steps before it.
  func batchNormInput(_ step: PlanStep) -> FeatureMap {
    guard case .convolution(let convolution) = step.operation else { return map(step.inputs[0]) }
    var bare = step
    bare.epilogue = PlanStep.Epilogue()
    let output = newMap(step.output)
    put(output, at: step.output)
    _ = convolve(bare, convolution, into: output)
    return output
  }

  // MARK: Maps

  /// A node's finished map.
  func map(_ node: Int) -> FeatureMap {
    if let rest = deferred.removeValue(forKey: node) {
      let output = maps[node] ?? newMap(node)
      maps[node] = output
      apply(rest.pointwise, rest.input, gate: rest.gate, residual: rest.residual, into: output)
    }
    return maps[node]!
  }

  /// A node's map in its current state, finished or not.
  func mapInMemory(_ node: Int) -> FeatureMap? { maps[node] }

  /// The operations that still have to be applied to a node's map, which the caller now does.
  func takeDeferred(_ node: Int) -> Deferred? { deferred.removeValue(forKey: node) }

  func put(_ map: FeatureMap, at node: Int) { maps[node] = map }

  func newMap(_ node: Int) -> FeatureMap {
    if let whole = wide.removeValue(forKey: node) { return whole }
    guard sharesMaps, let place = plan.places[node] else {
      return FeatureMap(network.buffers, images: images, size: sizes[node])
    }
    let whole =
      wide[place.owner] ?? FeatureMap(network.buffers, images: images, size: sizes[place.owner])
    wide[place.owner] = whole
    return whole.channels(from: place.channel, count: sizes[node].channels)
  }

  private func removeFromMemory(_ node: Int) { maps[node] = nil }

  private func release(_ node: Int) {
    removeFromMemory(node)
    if let slot = slots.removeValue(forKey: node) { scratch?.free(slot) }
  }

  // MARK: Scratch file

  /// Brings the maps that a step reads, and its own if begun, back to memory.
  func restore(for index: Int) throws(NetworkError) {
    guard let scratch else { return }
    let step = plan.steps[index]
    for node in step.reads + [step.output] where mapInMemory(node) == nil {
      guard let slot = slots[node] else { continue }
      let map = newMap(node)
      put(map, at: node)
      try scratch.read(slot, into: values(of: map))
    }
  }

  /// Moves all maps to the scratch file, if there is one.
  ///
  /// - Parameter changed: The node whose map is not in the file yet, or has changed since.
  func rest(changed: Int) throws(NetworkError) {
    guard let scratch else { return }
    for node in nodesInMemory {
      let map = mapInMemory(node)!
      if node == changed || slots[node] == nil {
        let values = values(of: map)
        let slot = slots[node] ?? scratch.allocate(values.count)
        slots[node] = slot
        try scratch.write(UnsafeBufferPointer(values), to: slot)
      }
      removeFromMemory(node)
    }
  }

  private func values(of map: FeatureMap) -> UnsafeMutableBufferPointer<Float> {
    UnsafeMutableBufferPointer(start: map.pointer, count: map.images * map.size.count)
  }

  // MARK: Steps

  private func runOperation(of step: PlanStep, releasing released: [Int]) -> [ChannelMoments]? {
    if case .batchNorm = step.operation { return isMeasured(step) ? moments(of: map(step.inputs[0])) : nil }
    if case .gate = step.operation { return nil }
    if case .slice(let range) = step.operation, sharesMaps, plan.places[step.output] == nil,
      !plan.needsContiguousMap(step.output)
    {
      put(map(step.inputs[0]).channels(from: range.lowerBound, count: range.count), at: step.output)
      return nil
    }
    let output = residualMap(of: step, releasing: released) ?? newMap(step.output)
    put(output, at: step.output)
    switch step.operation {
    case .convolution(let convolution):
      let moments = convolve(step, convolution, into: output)
      return isMeasured(step) ? moments : nil
    case .activation, .add:
      apply(
        Pointwise(activation: step.epilogue.activation), map(step.inputs[0]),
        residual: step.inputs.count > 1 ? map(step.inputs[1]) : nil, into: output)
    case .linear(let linear):
      multiply(step, linear, into: output)
      if step.epilogue.activation != .identity {
        apply(Pointwise(activation: step.epilogue.activation), output, residual: nil, into: output)
      }
    case .concatenate: concatenate(step, into: output)
    case .slice(let range): copyChannels(step, from: range.lowerBound, into: output)
    case .shuffle(let groups): shuffle(step, groups: groups, into: output)
    case .maxPool(let window): slide(step, window, CK_POOL_MAX, into: output)
    case .averagePool(let window, let countIncludePad):
      slide(step, window, countIncludePad ? CK_POOL_MEAN_PADDED : CK_POOL_MEAN_VALID, into: output)
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
    case .depthToSpace(let rows, let columns):
      depthToSpace(step, rows: rows, columns: columns, into: output)
    case .enlarge(let rows, let columns): enlarge(step, rows: rows, columns: columns, into: output)
    case .transposedConvolution(let convolution): convolveTransposed(step, convolution, into: output)
    case .resample(let resampling): resample(step, resampling, into: output)
    case .subsample(let rows, let columns): subsample(step, rows: rows, columns: columns, into: output)
    case .acrossChannels(_, let taps, let padding):
      convolveAcrossChannels(step, taps: taps, padding: padding, into: output)
    case .softmax(let groups): softmax(step, groups: groups, into: output)
    case .sumOfGroups(let groups): sumGroups(step, groups, into: output)
    case .layerNorm(let norm): layerNorm(step, norm, into: output)
    case .globalResponseNorm(let norm): globalResponseNorm(step, norm, into: output)
    case .attention(let attention): attend(step, attention, into: output)
    case .embed(let embedding): embed(step, embedding, into: output)
    case .tokens(let range): takeTokens(step, from: range.lowerBound, into: output)
    case .mergePatches: mergePatches(step, into: output)
    case .spaceWindows(let windows): spaceWindows(step, windows, into: output)
    case .joinWindows(let windows): joinWindows(step, windows, into: output)
    case .crossAttention(let attention): attendAcross(step, attention, into: output)
    case .crossCovariance(let attention): attendBetweenChannels(step, attention, into: output)
    case .linearAttention(let attention): attendLinearly(step, attention, into: output)
    case .rotate(let rotation): rotate(step, rotation, into: output)
    case .groupNorm(let norm): groupNorm(step, norm, into: output)
    case .parameter: repeatParameter(step, into: output)
    case .transpose: transpose(step, into: output)
    case .joinTokens: joinTokens(step, into: output)
    case .gridOfTokens: takeTokens(step, from: 0, into: output)
    case .wavePositions(let waves): wavePositions(waves, into: output)
    case .arrange(let arrangement): arrange(step, arrangement, into: output)
    case .takeRows(let selection): takeRows(step, selection, into: output)
    case .product(let product): multiply(step, product, into: output)
    case .stridedAttention(let attention): attend(step, attention, into: output)
    case .softmaxOfChannels(let isLogarithm):
      softmaxOfChannels(step, isLogarithm: isLogarithm, into: output)
    case .reduceChannels(let reduction): reduceChannels(step, reduction, into: output)
    case .select: select(step, into: output)
    case .input, .batchNorm, .gate: preconditionFailure("not an operation of its own")
    }
    return nil
  }

  /// The map of a convolution's residual, if nothing reads it later: the sums then replace it, and one map
  /// less passes through the caches.
  private func residualMap(of step: PlanStep, releasing released: [Int]) -> FeatureMap? {
    guard mode == .inference, sharesMaps, scratch == nil, case .convolution = step.operation,
      let residual = step.epilogue.residual, released.contains(residual), !step.inputs.contains(residual),
      plan.places[step.output] == nil
    else { return nil }
    // BLAS writes its products before the residual is added.
    if case .product = network.parameters.layers[step.node]!.method { return nil }
    _ = map(residual)
    var found = maps.removeValue(forKey: residual)!
    let isFree = found.isOnlyOwner()
    maps[residual] = found
    return isFree && found.size == sizes[step.output] ? found : nil
  }

  private func isMeasured(_ step: PlanStep) -> Bool {
    guard mode == .batchStatistics, let layer = step.epilogue.batchNorm else { return false }
    return measuredLayers.map { $0.contains(layer) } ?? true
  }

  /// Gate, BatchNorm, residual and activation, as far as `runOperation` has not applied them.
  private func rest(of step: PlanStep, moments: ChannelMoments?) -> Deferred? {
    let input: FeatureMap
    var gate: FeatureMap?
    switch step.operation {
    case .convolution where mode == .batchStatistics: input = map(step.output)
    case .batchNorm: input = map(step.inputs[0])
    case .gate: (input, gate) = (map(step.inputs[0]), map(step.inputs[1]))
    default: return nil
    }
    var pointwise = Pointwise(activation: step.epilogue.activation)
    if let index = step.epilogue.batchNorm {
      let affine =
        if let moments {
          network.parameters.affine(
            index, RunningStatistics(mean: moments.mean, variance: moments.biasedVariance))
        } else if mode == .batchStatistics {
          // The convolution has already added its bias.
          network.runningAffine(index)
        } else {
          affines[index]
        }
      pointwise.scale = affine.scale
      pointwise.shift = affine.shift
    } else if let node = step.epilogue.affine {
      // The convolution has already added its bias.
      (pointwise.scale, pointwise.shift) = network.parameters.factors[node]!
    }
    let residual = step.epilogue.residual.map { map($0) }
    if pointwise.isIdentity && residual == nil && maps[step.output] != nil { return nil }
    return Deferred(input: input, residual: residual, pointwise: pointwise, gate: gate)
  }
}

extension ChannelMoments {
  /// The moments of several images, merged in their order.
  init(merging images: [ChannelMoments]) {
    self.init(channels: images[0].mean.count)
    for image in images { merge(image) }
  }
}
