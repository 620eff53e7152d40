import CNetworkKernels
import Checkpoint
import NetworkGraphs
import Platform

/// A convolutional classifier with the weights of a checkpoint.
///
/// ```swift
/// let pool = ThreadPool(threads: 4)
/// let network = try Network(openCheckpoint(.path("resnet18.safetensors")), pool: pool)
/// print(network.architectureName, network.classCount)
/// let logits = try network.logits(images)  // images: [n, h, w, 3], normalized
/// ```
///
/// Activations are float32 NHWC; weights of any real type are widened to float32. Results do not depend on
/// the number of threads and, in inference, not on how images are divided into batches; their bits are
/// specific to a kernel type (`blasDescription` and `instructionSet`). One network may be used from several
/// threads.
public final class Network: Sendable {
  /// The layers with the names of their weights.
  public let description: NetworkDescription
  /// The statistics that the checkpoint stores, of all BatchNorms in execution order.
  public let runningStatistics: [RunningStatistics]
  /// The last layers, which resolution tuning trains; nil where the network does not end in a fully connected
  /// layer.
  public let classifier: ClassifierTail?

  let plan: Plan
  let parameters: Parameters
  let pool: ThreadPool
  let kernels: ck_layer_kernels
  /// Kernels of dense convolutions that multiply bfloat16 numbers; nil where they multiply float32 ones.
  let bfloat16Kernels: ck_bf16_kernels?
  let buffers: BufferPool
  /// Tables of layers of tokens by the size of their maps.
  let tables = SizedTables()
  /// Floats of maps that inference keeps in use for every thread.
  let liveFloatsPerThread: Int
  /// The BatchNorms with their running statistics, in the plan's form.
  private let runningAffines: [ChannelAffine]

  /// A network with the weights of the checkpoint that describes it.
  ///
  /// - Parameters:
  ///   - description: The layers and their weights.
  ///   - pool: Runs the arithmetic.
  ///   - options: Options of the arithmetic.
  /// - Throws: `NetworkError.noBFloat16` and `.notFloatingPoint`; errors of reading.
  public init(
    _ description: NetworkDescription, pool: ThreadPool, options: ComputeOptions = ComputeOptions()
  ) throws {
    self.description = description
    let graph = description.graph
    plan = Plan(graph)
    classifier = ClassifierTail(plan)
    kernels = (ck_layer_kernels_for(options.instructionSet) ?? ck_layer_kernels_for(CK_SCALAR)).pointee
    buffers = BufferPool(slack: graph.readAhead)
    liveFloatsPerThread = options.liveFloatsPerThread
    bfloat16Kernels =
      options.precision == .bfloat16 ? options.bfloat16Kernels ?? ck_bf16_kernels_best()?.pointee : nil
    if options.precision == .bfloat16 && bfloat16Kernels == nil { throw NetworkError.noBFloat16 }
    parameters = try Parameters(
      graph, description.weights, kernels: kernels, sums: options.sums, precision: options.precision)
    runningStatistics = try description.batchNorms.map { layer in
      RunningStatistics(
        mean: try description.weights.floats(layer.runningMeanKey).map(Double.init),
        variance: try description.weights.floats(layer.runningVarKey).map(Double.init))
    }
    runningAffines = parameters.affines(of: plan, runningStatistics)
    self.pool = pool
  }

  /// The network described by a checkpoint's keys and shapes.
  ///
  /// - Parameters:
  ///   - checkpoint: A state dict with PyTorch's names and layouts.
  ///   - architecture: Name of the architecture; nil recognizes it.
  ///   - pool: Runs the arithmetic.
  ///   - options: Options of the arithmetic.
  /// - Throws: `NetworkError` for unknown architectures, missing tensors and wrong shapes; errors of reading.
  public convenience init(
    _ checkpoint: any CheckpointSource, architecture: String? = nil, pool: ThreadPool,
    options: ComputeOptions = ComputeOptions()
  ) throws {
    try self.init(
      NetworkDescription(checkpoint, architecture: architecture), pool: pool, options: options)
  }

  /// The network of an ONNX file with the weights of a checkpoint, or with its own as an `ONNXCheckpoint`.
  ///
  /// - Parameters:
  ///   - checkpoint: A state dict with PyTorch's layouts.
  ///   - model: The ONNX file.
  ///   - part: Nodes of the file that are imported.
  ///   - pool: Runs the arithmetic.
  ///   - options: Options of the arithmetic.
  /// - Throws: `ONNXImportError` and `ONNXError` where the file is at fault; `NetworkError`; errors of
  ///   reading.
  public convenience init(
    _ checkpoint: any CheckpointSource, onnx model: ONNXModel, part: ImportedPart = .classifier,
    pool: ThreadPool, options: ComputeOptions = ComputeOptions()
  ) throws {
    try self.init(NetworkDescription(checkpoint, onnx: model, part: part), pool: pool, options: options)
  }

  /// A published name such as `resnet18`, or a description such as `resnet [2,2,2,2] basic width 9`.
  public var architectureName: String { description.architectureName }
  /// Number of logits per image.
  public var classCount: Int { description.classCount }
  /// Number of channels of the input.
  public var inputChannels: Int { description.inputChannels }
  /// All BatchNorms in execution order.
  public var batchNorms: [BatchNormLayer] { description.batchNorms }

  /// The instruction set of the kernels in use, for example `avx512`.
  public static var instructionSet: String {
    String(cString: ck_isa_name(ck_layer_kernels_best().pointee.isa))
  }

  /// The instruction set of bfloat16 convolutions, for example `amx-bf16`; nil where this processor has none.
  public static var bfloat16InstructionSet: String? {
    ck_bf16_kernels_best().map { String(cString: ck_isa_name($0.pointee.isa)) }
  }

  /// A tensor of the checkpoint, unconverted.
  public func parameter(_ key: TensorName) throws -> TensorValue {
    let checkpoint = description.checkpoint
    guard checkpoint.spec(key) != nil else {
      throw NetworkError.missingTensor(label: checkpoint.label, tensor: key, architecture: architectureName)
    }
    return try checkpoint.value(key)
  }

  /// Multiply-adds of the convolutions and fully connected layers for one image of the given size.
  ///
  /// - Throws: `NetworkError.inputTooSmall`.
  public func multiplyAdds(height: Int, width: Int) throws -> Int {
    try description.multiplyAdds(height: height, width: width)
  }

  /// Elements of the largest map for one image of the given size.
  /// - Throws: `NetworkError.inputTooSmall`.
  package func largestMap(height: Int, width: Int) throws -> Int {
    try plan.graph.sizes(height: height, width: width).map(\.count).max() ?? 0
  }

  /// Refuses a size at which the maps cannot be in memory, before any of it is asked for.
  ///
  /// Sizes come from checkpoints, too, and a system may promise memory that it does not have.
  /// - Parameters:
  ///   - images: Images of a batch.
  ///   - batches: Batches of inputs that are in memory at a time.
  ///   - normalizesByBatch: True if all images of the batch go through a layer before any goes through the next.
  ///   - available: Bytes of memory.
  /// - Throws: `NetworkError.exceedsMemory`.
  package func checkMemory(
    height: Int, width: Int, images: Int, batches: Int, normalizesByBatch: Bool, available: Int
  ) throws(NetworkError) {
    // A size that the network cannot take at all is reported by the forward pass.
    guard let sizes = try? plan.graph.sizes(height: height, width: width) else { return }
    let input = (sizes.first?.count ?? 0).multiplied(exactlyBy: MemoryLayout<Float>.stride)
    let inputs = [images, batches].reduce(input) { $0?.multiplied(exactlyBy: $1) }
    // Running statistics let images pass one after another, or one on every thread.
    let together = normalizesByBatch ? images : dividesBatches(of: images) ? pool.threadCount : 1
    let maps = peakBytes(sizes).multiplied(exactlyBy: together)
    let needed = inputs.flatMap { inputs in maps.flatMap { $0.adding(exactly: inputs) } } ?? Int.max
    guard needed <= available else {
      throw NetworkError.exceedsMemory(
        height: height, width: width, images: images, needed: needed, available: available)
    }
  }

  /// A BatchNorm with its running statistics, after a convolution that adds its bias itself.
  func runningAffine(_ index: Int) -> ChannelAffine { parameters.affine(index, runningStatistics[index]) }

  /// True if `statistics` has a mean and a variance for every channel of every BatchNorm.
  public func fits(_ statistics: [RunningStatistics]) -> Bool {
    statistics.map(\.mean.count) == batchNorms.map(\.channels)
  }

  /// All BatchNorms with given statistics, or nil for their running ones, in the plan's form.
  func affines(with given: [RunningStatistics]?) -> [ChannelAffine] {
    guard let given else { return runningAffines }
    precondition(fits(given), "statistics of another network")
    return parameters.affines(of: plan, given)
  }

  /// All BatchNorms with their running statistics in another plan's form.
  func runningAffines(for plan: Plan) -> [ChannelAffine] { parameters.affines(of: plan, runningStatistics) }
}
