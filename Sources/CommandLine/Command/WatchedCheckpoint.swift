import Checkpoint

/// A checkpoint whose reading moves a progress bar, for work that goes through all of its data.
package final class WatchedCheckpoint: CheckpointSource {
  private let source: any CheckpointSource
  private let meter: ByteMeter

  init(_ source: any CheckpointSource, _ meter: ByteMeter) {
    self.source = source
    self.meter = meter
  }

  package func read(
    _ name: TensorName, at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws {
    try source.read(name, at: byteOffset, into: buffer)
    meter.add(buffer.count)
  }

  package var label: String { source.label }
  package var tensors: [TensorSpec] { source.tensors }
  package var metadata: Metadata { source.metadata }
  package var formatDescription: String { source.formatDescription }
  package var checksumCoverage: ChecksumCoverage { source.checksumCoverage }
  package var files: [any StoredFile] { source.files }
  package var stateDictKey: String? { source.stateDictKey }
  package var tiedTensors: [[TensorName]] { source.tiedTensors }
  package func spec(_ name: TensorName) -> TensorSpec? { source.spec(name) }
  package func storedByteCount(_ name: TensorName) -> Int? { source.storedByteCount(name) }
  package func recordedChecksum(_ name: TensorName) -> UInt32? { source.recordedChecksum(name) }
  package func placement(of name: TensorName) -> (file: Int, offset: Int)? { source.placement(of: name) }
}

extension Console {
  /// Calls `body` with checkpoints whose reading moves one progress bar, which is gone when `body` returns.
  ///
  /// - Parameters:
  ///   - label: What is done with them.
  ///   - passes: How many times their data are read.
  ///   - includes: Which tensors are read.
  package func watching<Result>(
    _ label: String, _ sources: [any CheckpointSource], passes: Int = 1,
    only includes: (TensorName) -> Bool = { _ in true },
    _ body: ([any CheckpointSource]) throws -> Result
  ) rethrows -> Result {
    let bytes = passes * sources.flatMap(\.tensors).reduce(0) { $0 + (includes($1.name) ? $1.byteCount : 0) }
    let meter = byteMeter(label, total: bytes)
    defer { meter.finish() }
    return try body(sources.map { WatchedCheckpoint($0, meter) })
  }
}
