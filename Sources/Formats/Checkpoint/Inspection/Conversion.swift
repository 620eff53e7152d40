/// Changes that `ckpt-convert` makes to the tensors of a checkpoint.
public struct Conversion: Sendable {
  /// Type of the floating-point tensors; nil keeps each one's own.
  public var dtype: DType?
  /// True if values beyond the range become the largest finite one; otherwise they are an error.
  public var saturates = false
  /// Predicate of the tensors that are kept, by their old names.
  public var includes: @Sendable (TensorName) -> Bool = { _ in true }
  /// The new name of a tensor.
  public var renames: @Sendable (TensorName) -> TensorName = { $0 }

  /// Keeps everything as it is.
  public init() {}

  /// Writes the converted checkpoint. Floats are rounded once, to nearest with ties to even.
  ///
  /// - Throws: `CheckpointError.unrepresentable` for a value beyond the range, `.invalidRequest` when two tensors get
  ///   the same name or none is left, and errors of reading and writing.
  public func run(
    _ source: any CheckpointSource, metadata: Metadata, to destination: Location,
    options: WriteOptions
  ) throws {
    let kept = source.tensors.filter { includes($0.name) }
    guard !kept.isEmpty || source.tensors.isEmpty else {
      throw CheckpointError.invalidRequest(
        path: source.label, reason: "no tensor is selected")
    }
    var origins: [TensorName: TensorSpec] = [:]
    var outputs: [TensorSpec] = []
    for spec in kept {
      let name = renames(spec.name)
      if let other = origins.updateValue(spec, forKey: name) {
        throw CheckpointError.invalidRequest(
          path: source.label,
          reason: "tensors \"\(other.name)\" and \"\(spec.name)\" would both be called \"\(name)\"")
      }
      outputs.append(TensorSpec(name: name, dtype: target(of: spec), shape: spec.shape))
    }
    let writer = try CheckpointWriter(to: destination, tensors: outputs, metadata: metadata, options: options)
    for output in writer.order {
      try write(origins[output.name]!, as: output.dtype, from: source, to: writer)
    }
    try writer.finish()
  }

  private func target(of spec: TensorSpec) -> DType {
    spec.dtype.isFloatingPoint ? dtype ?? spec.dtype : spec.dtype
  }

  private func write(
    _ spec: TensorSpec, as dtype: DType, from source: any CheckpointSource, to writer: CheckpointWriter
  ) throws {
    guard dtype != spec.dtype else { return try copy(spec, from: source, to: writer) }
    let room = UnsafeMutableRawBufferPointer.allocate(
      byteCount: (1 << 16) * dtype.bitWidth / 8, alignment: 64)
    defer { room.deallocate() }
    var done = 0
    try source.forEachChunk(of: spec) { values in
      let target = UnsafeMutableRawBufferPointer(rebasing: room[..<(values.count * dtype.bitWidth / 8)])
      let failed = ElementConversion.narrow(
        UnsafeBufferPointer(values), to: dtype, into: target, saturating: saturates)
      if let failed, !saturates {
        throw CheckpointError.unrepresentable(spec.name, dtype, index: done + failed, value: values[failed])
      }
      done += values.count
      try writer.write(UnsafeRawBufferPointer(target))
    }
  }
}
