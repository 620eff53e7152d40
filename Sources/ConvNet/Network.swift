import CKernels
import Checkpoint
import Synchronization
import TensorMath

/// A convolutional classifier with the weights of a checkpoint.
///
/// Activations are float32 NHWC; weights of any real type are widened to float32. Results do not depend on the number
/// of threads and, in inference, not on how images are divided into batches; their bits are those of one kernel type
/// (`blasDescription` and `instructionSet`). One network may be used from several threads.
public final class Network: Sendable {
  /// A published name such as `resnet18`, or a description such as `resnet [2,2,2,2] basic width 9`.
  public let architectureName: String
  /// What else the checkpoint may be, where a published network was taken for it; nil where that is certain.
  public let recognitionNotice: String?
  /// Whether an ONNX file describes it.
  public let isImported: Bool
  /// Number of logits per image.
  public let classCount: Int
  /// Number of channels of the input.
  public let inputChannels: Int
  /// All BatchNorms in execution order.
  public let batchNorms: [BatchNormLayer]
  /// The last layers, which resolution tuning trains; nil where the network does not end in a fully connected layer.
  public let classifier: ClassifierTail?

  let plan: Plan
  let parameters: Parameters
  let pool: ThreadPool
  let kernels: ck_layer_kernels
  /// Those of dense convolutions, where they multiply bfloat16 numbers.
  let bfloat16Kernels: ck_bf16_kernels?
  let buffers: BufferPool
  /// Floats of maps that inference keeps in use for every thread.
  let liveFloatsPerThread: Int
  private let source: any CheckpointSource
  private let statistics: Mutex<Statistics>

  private struct Statistics {
    var running: [RunningStatistics]
    /// What follows from them for `plan`, once it has been computed.
    var affines: [ChannelAffine]?
  }

  /// Builds the network that a checkpoint's keys and shapes describe.
  /// - Parameters:
  ///   - checkpoint: A state dict with PyTorch's names and layouts.
  ///   - architecture: The name to take it for; nil recognises it.
  ///   - pool: Runs the arithmetic.
  ///   - options: How it is done.
  /// - Throws: `ConvNetError` for unknown architectures, missing tensors and wrong shapes; what reading throws.
  public convenience init(
    _ checkpoint: any CheckpointSource, architecture: String? = nil, pool: ThreadPool,
    options: ComputeOptions = ComputeOptions()
  ) throws {
    let state = StateDict(checkpoint)
    let family = try ArchitectureRegistry.architecture(for: state, named: architecture)
    var builder = GraphBuilder(state, architecture: family.name)
    let output = try family.build(&builder)
    try self.init(
      builder.graph(output: output), name: family.name, state, of: checkpoint, pool: pool, options: options,
      rarer: family.rarer)
  }

  /// - Parameters:
  ///   - state: The weights, which may be more than the checkpoint's.
  ///   - checkpoint: What `parameter` reads.
  ///   - rarer: Networks of the same keys that it was not taken for.
  init(
    _ graph: Graph, name: String, _ state: StateDict, of checkpoint: any CheckpointSource, pool: ThreadPool,
    options: ComputeOptions, rarer: [String] = [], isImported: Bool = false
  ) throws {
    self.isImported = isImported
    plan = Plan(graph)
    architectureName = name
    recognitionNotice =
      rarer.isEmpty
      ? nil
      : "taken for \(name); \(rarer.joined(separator: " or ")) would have the same tensors and need --arch with an ONNX file"
    batchNorms = graph.batchNorms
    classCount = graph.nodes[graph.output].channels
    inputChannels = graph.nodes[0].channels
    classifier = ClassifierTail(plan)
    kernels = (ck_layer_kernels_for(options.instructionSet) ?? ck_layer_kernels_for(ck_baseline)).pointee
    buffers = BufferPool(slack: graph.readAhead)
    liveFloatsPerThread = options.liveFloatsPerThread
    bfloat16Kernels =
      options.precision == .bfloat16 ? options.bfloat16Kernels ?? ck_best_bf16()?.pointee : nil
    if options.precision == .bfloat16 && bfloat16Kernels == nil { throw ConvNetError.noBFloat16 }
    parameters = try Parameters(
      graph, state, kernels: kernels, sums: options.sums, precision: options.precision)
    statistics = Mutex(
      Statistics(
        running: try batchNorms.map { layer in
          RunningStatistics(
            mean: try state.floats(layer.runningMeanKey).map(Double.init),
            variance: try state.floats(layer.runningVarKey).map(Double.init))
        }))
    self.pool = pool
    source = checkpoint
  }

  /// The instruction set of the kernels in use, for example `avx512`.
  public static var instructionSet: String {
    String(cString: ck_layer_kernels_for(ck_best_isa()).pointee.name)
  }

  /// The instruction set of bfloat16 convolutions, for example `amx-bf16`; nil where this processor has none.
  public static var bfloat16InstructionSet: String? {
    ck_best_bf16().map { String(cString: $0.pointee.name) }
  }

  /// A tensor of the checkpoint as it stands there.
  public func parameter(_ key: TensorName) throws -> TensorValue {
    guard source.spec(key) != nil else {
      throw ConvNetError.missingTensor(label: source.label, tensor: key, architecture: architectureName)
    }
    return try source.value(key)
  }

  /// A text that differs where the layers do; of recognised networks it is the name.
  public var layerDescription: String { isImported ? "\(plan.graph.nodes)" : architectureName }

  /// Multiply-adds of the convolutions and fully connected layers for one image of the given size.
  /// - Throws: `ConvNetError.inputTooSmall`.
  public func multiplyAdds(height: Int, width: Int) throws -> Int {
    try plan.graph.multiplyAdds(height: height, width: width)
  }

  /// Elements of the largest map for one image of the given size.
  /// - Throws: `ConvNetError.inputTooSmall`.
  package func largestMap(height: Int, width: Int) throws -> Int {
    try plan.graph.sizes(height: height, width: width).map(\.count).max() ?? 0
  }

  /// Replaces the statistics that a BatchNorm normalises with in inference.
  /// - Parameters:
  ///   - layer: The name of one of `batchNorms`.
  ///   - mean: Mean per channel.
  ///   - variance: Variance per channel, not negative.
  public func setRunningStatistics(of layer: String, mean: [Double], variance: [Double]) {
    guard let index = batchNorms.firstIndex(where: { $0.name == layer }) else {
      preconditionFailure("no BatchNorm \(layer) in \(architectureName)")
    }
    let channels = batchNorms[index].channels
    precondition(
      mean.count == channels && variance.count == channels, "statistics of \(layer) are not [\(channels)]")
    statistics.withLock {
      $0.running[index] = RunningStatistics(mean: mean, variance: variance)
      $0.affines = nil
    }
  }

  /// A BatchNorm with the given statistics, and the bias of the convolution before it.
  func affine(_ index: Int, mean: [Double], variance: [Double], convolutionBias: [Float]? = nil)
    -> ChannelAffine
  {
    ChannelAffine(
      weight: parameters.affines[index].weight, bias: parameters.affines[index].bias, mean: mean,
      variance: variance, eps: batchNorms[index].eps, convolutionBias: convolutionBias)
  }

  /// A BatchNorm with its running statistics, behind a convolution that adds its bias itself.
  func runningAffine(_ index: Int) -> ChannelAffine {
    let current = statistics.withLock { $0.running[index] }
    return affine(index, mean: current.mean, variance: current.variance)
  }

  /// All BatchNorms with given statistics, nil for their running ones, in the plan's terms.
  func affines(with given: BatchNormStatistics?) -> [ChannelAffine] {
    if let given {
      precondition(fits(given), "statistics of another network")
      return affines(
        for: plan, zip(given.means, given.variances).map { RunningStatistics(mean: $0, variance: $1) })
    }
    return statistics.withLock { statistics in
      let affines = statistics.affines ?? affines(for: plan, statistics.running)
      statistics.affines = affines
      return affines
    }
  }

  /// All BatchNorms with their running statistics in another plan's terms.
  func runningAffines(for plan: Plan) -> [ChannelAffine] {
    affines(for: plan, statistics.withLock { $0.running })
  }

  private func affines(for plan: Plan, _ current: [RunningStatistics]) -> [ChannelAffine] {
    var biases: [Int: [Float]] = [:]
    for step in plan.steps {
      guard let index = step.epilogue.batchNorm, case .convolution = step.operation else { continue }
      biases[index] = parameters.layers[step.node]?.bias
    }
    return current.enumerated().map { index, statistics in
      affine(index, mean: statistics.mean, variance: statistics.variance, convolutionBias: biases[index])
    }
  }
}
