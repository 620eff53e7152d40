import Checkpoint

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
    func put(_ prefix: String, _ parameters: TailParameters) {
      put("\(prefix).weight", parameters.weight)
      if let bias = parameters.bias { put("\(prefix).bias", bias) }
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
  /// - Parameters:
  ///   - source: an open file written from `encoded`.
  ///   - run: description of options and data of the run to continue.
  ///   - start: parameters of the shapes that the run trains.
  /// - Throws: `TuningError.foreignState` when the file is no state or belongs to another run; errors of
  ///   reading.
  public init(_ source: any CheckpointSource, run: String, like start: TailParameters) throws {
    func fail(_ reason: String) -> TuningError { .foreignState(path: source.label, reason: reason) }
    guard let text = source.metadata[Self.key], let header = try? JSON.parse(Array(text.utf8)),
      let epoch = header["epoch"]?.intValue, let steps = header["steps"]?.intValue,
      let slots = header["slots"]?.intValue, let averages = header["averages"]?.intValue,
      let averaged = header["averaged"]?.intValue, epoch > 0, steps >= 0,
      (0...source.tensors.count).contains(slots), (0...source.tensors.count).contains(averages),
      let plateau = PlateauWatch(header["plateau"]), let stopping = PlateauWatch(header["stopping"])
    else { throw fail("no state of ckpt-fixres") }
    guard header["run"]?.stringValue == run else {
      throw fail("state of a run with other options or data")
    }

    func doubles(_ name: String, _ count: Int? = nil) throws -> [Double] {
      guard let spec = source.spec(TensorName(name)), count == nil || spec.elementCount == count else {
        throw fail("no tensor \(name) of the right size")
      }
      return try source.value(spec.name).doubles()
    }
    func parameters(_ prefix: String) throws -> TailParameters {
      var result = start
      result.weight = try doubles("\(prefix).weight", start.weight.count).map(Float.init)
      if start.bias != nil { result.bias = try doubles("\(prefix).bias", start.classes).map(Float.init) }
      guard start.batchNorm != nil else { return result }
      result.batchNorm?.gamma = try doubles("\(prefix).gamma", start.channels).map(Float.init)
      result.batchNorm?.beta = try doubles("\(prefix).beta", start.channels).map(Float.init)
      result.batchNorm?.runningMean = try doubles("\(prefix).running_mean", start.channels)
      result.batchNorm?.runningVar = try doubles("\(prefix).running_var", start.channels)
      if start.batchNorm?.numBatchesTracked != nil {
        result.batchNorm?.numBatchesTracked = Int64(try doubles("\(prefix).num_batches_tracked", 1)[0])
      }
      return result
    }
    self.epoch = epoch
    self.parameters = try parameters("parameters")
    optimizer = OptimizerState(
      steps: steps, slots: try (0..<slots).map { try doubles("optimizer.\($0)").map(Float.init) })
    average = try (0..<averages).map { try doubles("average.\($0)") }
    averageCount = averaged
    self.plateau = plateau
    self.stopping = stopping
    best = source.spec("best.weight") == nil ? nil : try parameters("best")
  }
}

extension PlateauWatch {
  fileprivate init?(_ json: JSON?) {
    guard let fields = json?.arrayValue, fields.count == 4, let patience = fields[0].intValue,
      let reductions = fields[1].intValue, let best = fields[2].stringValue.flatMap(Double.init),
      let badEpochs = fields[3].intValue
    else { return nil }
    self.init(patience: patience, reductions: reductions, best: best, badEpochs: badEpochs)
  }
}
