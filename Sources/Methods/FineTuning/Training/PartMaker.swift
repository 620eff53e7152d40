import NetworkExecution
import NetworkGraphs
import Platform

/// Makes the tuned part of a run from its parameters.
final class PartMaker {
  private let options: TuningOptions
  private let activation: Activation
  private let pool: ThreadPool
  private let deep: (tail: TunableTail, height: Int, width: Int)?
  /// A part behind a cut that is only measured: it is made once, since it reads the network's frozen tensors.
  private var measured: DeepTail?

  /// - Parameters:
  ///   - activation: between the last BatchNorm and the pooling.
  ///   - deep: the network behind the cut, and the size of its images; nil for the last layers alone.
  init(
    _ options: TuningOptions, activation: Activation, deep: (tail: TunableTail, height: Int, width: Int)?,
    pool: ThreadPool
  ) {
    self.options = options
    self.activation = activation
    self.deep = deep
    self.pool = pool
  }

  /// Refuses features of another size than the maps at the cut.
  func validate(_ features: FeatureMaps) throws {
    guard let deep, let cut = deep.tail.cut else { return }
    let floats = try deep.tail.network.floats(at: cut, height: deep.height, width: deep.width)
    let found = features.shape.positions * features.shape.channels
    if floats != found {
      throw TuningError.shapeMismatch(what: "maps at the cut", expected: [floats], found: [found])
    }
  }

  /// Refuses layers without a gradient, and batches whose activations do not fit into memory.
  ///
  /// - Parameter images: images of a step.
  func validateLayers(_ start: TailParameters, images: Int, available: Int) throws {
    guard start.layers != nil else { return }
    let images = min(images, options.microBatch ?? images)
    let perImage = try measuringTail(start).activationBytes
    let needed = perImage.multiplied(exactlyBy: images) ?? Int.max
    guard needed <= available else {
      throw TuningError.activationsExceedMemory(images: images, needed: needed, available: available)
    }
  }

  /// The part that a run trains, for batches up to `images` images.
  func part(_ parameters: TailParameters, images: Int) throws -> any TunedPart {
    guard parameters.layers != nil else { return try tail(parameters, capacity: images) }
    return try deepTail(parameters, capacity: min(images, options.microBatch ?? images), options: options)
  }

  /// The last layers on cached features.
  func tail(_ parameters: TailParameters, capacity: Int) throws -> Tail {
    try Tail(
      parameters, activation: activation, capacity: capacity, decaysBias: options.decaysBias, pool: pool)
  }

  /// A part for measuring `images` images; behind a cut it is the same one at every call.
  func measuringPart(_ parameters: TailParameters, images: Int) throws -> any TunedPart {
    guard parameters.layers != nil else { return try tail(parameters, capacity: min(256, images)) }
    return try measuringTail(parameters)
  }

  /// A closure that gives parameters behind a cut the running statistics of `images`.
  ///
  /// - Parameter start: parameters of the shapes that it will take.
  func recalibration(
    of start: TailParameters, on images: FeatureRows
  ) throws -> (TailParameters) -> TailParameters {
    let (part, batchSize) = (try measuringTail(start), options.batchSize)
    return { parameters in
      part.load(parameters)
      part.recalibrate(on: images, batchSize: batchSize)
      return part.parameters
    }
  }

  private func measuringTail(_ parameters: TailParameters) throws -> DeepTail {
    if let measured, measured.classes == parameters.classes {
      try parameters.validate()
      measured.load(parameters)
      return measured
    }
    let part = try deepTail(
      parameters, capacity: min(options.batchSize, options.microBatch ?? options.batchSize), options: nil)
    measured = part
    return part
  }

  private func deepTail(
    _ parameters: TailParameters, capacity: Int, options: TuningOptions?
  ) throws -> DeepTail {
    guard let deep, let cut = deep.tail.cut else { preconditionFailure("no cut for tuned layers") }
    let layers = try TrainableLayers(
      deep.tail.network, cut: cut, height: deep.height, width: deep.width, classes: parameters.classes,
      dropPath: self.options.dropPath, pool: pool)
    return try DeepTail(
      parameters, layers: layers, capacity: capacity, options: options, tail: deep.tail, pool: pool)
  }
}
