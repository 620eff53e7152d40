import Checkpoint
import Platform

/// All the state that a run needs to continue after an epoch as if it had never stopped.
public struct TuningState: Sendable, Equatable {
  /// Number of epochs done.
  public var epoch: Int
  /// The weights being trained, not their average.
  public var parameters: TailParameters
  /// State of the optimizer.
  public var optimizer: OptimizerState
  /// The average of the weights, one vector per trained tensor; empty without averaging.
  public var average: [[Double]]
  /// Number of weights in the average.
  public var averageCount: Int
  /// Best watched loss, epochs since, and reductions of the plateau schedule.
  public var plateau: PlateauWatch
  /// Best validation loss and epochs since, for early stopping.
  public var stopping: PlateauWatch
  /// The parameters at the best validation loss, if the run may stop early.
  public var best: TailParameters?
}

extension TuningState {
  private static let key = MetadataKey.tuningState

  /// The state as tensors and metadata of a checkpoint file.
  ///
  /// - Parameter run: description of options and data; `init(_:run:like:)` expects the same.
  public func encoded(run: String) -> (tensors: [TensorName: TensorValue], metadata: Metadata) {
    var tensors: [TensorName: TensorValue] = [:]
    func put(_ name: String, _ values: [Float]) {
      tensors[TensorName(name)] = TensorValue(f32: values, shape: [values.count])
    }
    func put(_ name: String, _ values: [Double]) {
      tensors[TensorName(name)] = TensorValue(
        dtype: .f64, shape: [values.count], bytes: values.withUnsafeBytes { Array($0) })
    }
    func put(_ prefix: String, _ layers: LayerParameters) {
      for (index, values) in layers.values.enumerated() { put("\(prefix).\(index)", values) }
      for (index, norm) in layers.batchNorms.enumerated() {
        put("\(prefix).norm.\(index).running_mean", norm.runningMean)
        put("\(prefix).norm.\(index).running_var", norm.runningVar)
        guard let count = norm.numBatchesTracked else { continue }
        tensors[TensorName("\(prefix).norm.\(index).num_batches_tracked")] = TensorValue(
          i64: [count], shape: [])
      }
    }
    func put(_ prefix: String, _ parameters: TailParameters) {
      put("\(prefix).weight", parameters.weight)
      if let bias = parameters.bias { put("\(prefix).bias", bias) }
      if let norm = parameters.layerNorm {
        put("\(prefix).norm.weight", norm.weight)
        if let bias = norm.bias { put("\(prefix).norm.bias", bias) }
      }
      if let layers = parameters.layers { put("\(prefix).layers", layers) }
      guard let norm = parameters.batchNorm else { return }
      put("\(prefix).gamma", norm.gamma)
      put("\(prefix).beta", norm.beta)
      put("\(prefix).running_mean", norm.runningMean)
      put("\(prefix).running_var", norm.runningVar)
      if let count = norm.numBatchesTracked {
        tensors[TensorName("\(prefix).num_batches_tracked")] = TensorValue(i64: [count], shape: [])
      }
    }
    put("parameters", parameters)
    if let best { put("best", best) }
    for (index, slot) in optimizer.slots.enumerated() { put("optimizer.\(index)", slot) }
    for (index, vector) in average.enumerated() { put("average.\(index)", vector) }
    func watch(_ watch: PlateauWatch) -> JSON {
      .array([JSON(watch.patience), JSON(watch.reductions), .string("\(watch.best)"), JSON(watch.badEpochs)])
    }
    var metadata = Metadata()
    metadata[Self.key] =
      JSON.object([
        ("run", .string(run)), ("epoch", JSON(epoch)), ("steps", JSON(optimizer.steps)),
        ("slots", JSON(optimizer.slots.count)), ("averages", JSON(average.count)),
        ("averaged", JSON(averageCount)), ("plateau", watch(plateau)), ("stopping", watch(stopping)),
      ]).encoded()
    return (tensors, metadata)
  }

  /// Reads a state back.
  ///
  /// Every number is finite, and every vector as long as what it belongs to or as the file holds; whether they belong to
  /// a run is for `misfit(_:like:samples:)` to say.
  ///
  /// - Parameters:
  ///   - source: an open file written from `encoded`.
  ///   - run: description of options and data of the run to continue.
  ///   - start: parameters of the shapes that the run trains.
  /// - Throws: `TuningError.foreignState` when the file is no state, damaged or of another run; errors of reading.
  public init(_ source: any CheckpointSource, run: String, like start: TailParameters) throws {
    func fail(_ reason: String) -> TuningError { .foreignState(path: source.label, reason: reason) }
    let file = try StateFile(source, key: Self.key, fail: fail)
    let header = file.header
    guard let epoch = header["epoch"]?.intValue, let steps = header["steps"]?.intValue,
      let slots = header["slots"]?.intValue, let averages = header["averages"]?.intValue,
      let averaged = header["averaged"]?.intValue, epoch > 0, steps >= 0, averaged >= 0,
      (0...source.tensors.count).contains(slots), (0...source.tensors.count).contains(averages),
      let plateau = PlateauWatch(header["plateau"], epochs: epoch),
      let stopping = PlateauWatch(header["stopping"], epochs: epoch)
    else { throw fail("its \"\(Self.key)\" is damaged") }
    guard header["run"]?.stringValue == run else {
      throw fail("state of a run with other options or data")
    }

    func floats(_ name: String, _ count: Int? = nil) throws -> [Float] {
      try file.doubles(TensorName(name), .f32, count.map { [$0] }).map(Float.init)
    }
    // They become float32 in the end, which must hold them.
    func doubles(
      _ name: String, _ count: Int? = nil, where isValid: (Double) -> Bool = { _ in true }
    ) throws -> [Double] {
      try file.doubles(TensorName(name), .f64, count.map { [$0] }) { Float($0).isFinite && isValid($0) }
    }
    func layers(_ prefix: String, like start: LayerParameters) throws -> LayerParameters {
      var result = start
      for (index, values) in start.values.enumerated() {
        result.values[index] = try floats("\(prefix).\(index)", values.count)
      }
      for (index, norm) in start.batchNorms.enumerated() {
        let (name, channels) = ("\(prefix).norm.\(index)", norm.runningMean.count)
        result.batchNorms[index].runningMean = try doubles("\(name).running_mean", channels)
        result.batchNorms[index].runningVar = try doubles("\(name).running_var", channels) { $0 >= 0 }
        guard norm.numBatchesTracked != nil else { continue }
        let count = try file.counts(
          TensorName("\(name).num_batches_tracked"), [], BatchNormParameters.countersRange)[0]
        result.batchNorms[index].numBatchesTracked = Int64(count)
      }
      return result
    }
    func parameters(_ prefix: String) throws -> TailParameters {
      var result = start
      result.weight = try floats("\(prefix).weight", start.weight.count)
      if start.bias != nil { result.bias = try floats("\(prefix).bias", start.classes) }
      if let norm = start.layerNorm {
        result.layerNorm?.weight = try floats("\(prefix).norm.weight", start.channels)
        if norm.bias != nil { result.layerNorm?.bias = try floats("\(prefix).norm.bias", start.channels) }
      }
      if let own = start.layers { result.layers = try layers("\(prefix).layers", like: own) }
      guard start.batchNorm != nil else { return result }
      result.batchNorm?.gamma = try floats("\(prefix).gamma", start.channels)
      result.batchNorm?.beta = try floats("\(prefix).beta", start.channels)
      result.batchNorm?.runningMean = try doubles("\(prefix).running_mean", start.channels)
      result.batchNorm?.runningVar = try doubles("\(prefix).running_var", start.channels) { $0 >= 0 }
      if start.batchNorm?.numBatchesTracked != nil {
        let name = TensorName("\(prefix).num_batches_tracked")
        let count = try file.counts(name, [], BatchNormParameters.countersRange)[0]
        result.batchNorm?.numBatchesTracked = Int64(count)
      }
      return result
    }
    self.epoch = epoch
    self.parameters = try parameters("parameters")
    optimizer = OptimizerState(steps: steps, slots: try (0..<slots).map { try floats("optimizer.\($0)") })
    average = try (0..<averages).map { try doubles("average.\($0)") }
    averageCount = averaged
    self.plateau = plateau
    self.stopping = stopping
    best = source.spec("best.weight") == nil ? nil : try parameters("best")
  }

  /// Why the state is none of a run, in words; nil where it fits.
  ///
  /// A run goes on from the counters and writes through the vectors, so all of them must be what the same run has left.
  ///
  /// - Parameters:
  ///   - options: the run's.
  ///   - start: parameters of the shapes that the run trains.
  ///   - samples: number of images per epoch.
  public func misfit(_ options: TuningOptions, like start: TailParameters, samples: Int) -> String? {
    let sizes = options.trainedCounts(of: start)
    func layout(_ counts: [Int]) -> String { "vectors of \(counts) numbers" }
    guard (1...options.epochs).contains(epoch) else {
      return "expected an epoch from 1 to \(options.epochs), found \(epoch)"
    }
    let stepsPerEpoch = (samples - 1) / options.batchSize + 1
    guard let expected = epoch.multiplied(exactlyBy: stepsPerEpoch), optimizer.steps == expected else {
      return "expected \(stepsPerEpoch) steps in each of \(epoch) epochs, found \(optimizer.steps) steps"
    }
    let slots = options.slotCounts(of: sizes)
    guard optimizer.slots.map(\.count) == slots else {
      return "the optimizer's state: expected \(layout(slots)), found \(layout(optimizer.slots.map(\.count)))"
    }
    let averages =
      switch options.averaging {
      case .none: [Int]()
      case .ema: sizes
      case .swa(let from): epoch >= from ? sizes : []
      }
    guard average.map(\.count) == averages else {
      return "the average: expected \(layout(averages)), found \(layout(average.map(\.count)))"
    }
    guard averageCount == options.averageCount(epoch: epoch, steps: expected) else {
      return "the average: found one of \(averageCount) weights, which \(expected) steps do not give"
    }
    guard plateau.patience == options.schedule.patience, stopping.patience == (options.patience ?? 0) - 1
    else {
      return "found the patience of another run"
    }
    guard best == nil || options.patience != nil else {
      return "found a best epoch, which a run without early stopping has not"
    }
    return nil
  }
}

extension TuningOptions {
  /// Elements of each trained parameter, in the order in which optimisers see them.
  func trainedCounts(of start: TailParameters) -> [Int] {
    var counts = [start.weight.count]
    if let bias = start.bias { counts.append(bias.count) }
    let stride = FeatureShape.stride(channels: start.channels)
    if layers != .classifier, start.batchNorm != nil { counts += [stride, stride] }
    if layers != .classifier, let norm = start.layerNorm {
      counts += norm.bias == nil ? [stride] : [stride, stride]
    }
    counts += start.layers?.values.map(\.count) ?? []
    return counts
  }

  /// Elements of each vector that the optimiser keeps for parameters of these sizes.
  fileprivate func slotCounts(of sizes: [Int]) -> [Int] {
    switch optimizer {
    case .sgd: sizes
    case .adam, .adamw, .lamb: sizes + sizes
    case .lbfgs: []
    }
  }

  /// Number of weights in the average after the given epochs and steps.
  fileprivate func averageCount(epoch: Int, steps: Int) -> Int {
    switch averaging {
    case .none: 0
    // The initial weights are the first.
    case .ema(_, let every): 1 + steps / every
    case .swa(let from): max(0, epoch - from + 1)
    }
  }
}

extension PlateauWatch {
  /// - Parameter epochs: how many there have been, which bounds what can be counted.
  fileprivate init?(_ json: JSON?, epochs: Int) {
    guard let fields = json?.arrayValue, fields.count == 4, let patience = fields[0].intValue,
      let reductions = fields[1].intValue, let best = fields[2].stringValue.flatMap(Double.init),
      let badEpochs = fields[3].intValue, patience >= -1, (0...epochs).contains(reductions),
      (0...epochs).contains(badEpochs), !best.isNaN, best > -.infinity
    else { return nil }
    self.init(patience: patience, reductions: reductions, best: best, badEpochs: badEpochs)
  }
}
