import Checkpoint

/// A checkpoint whose reading moves a progress bar, for work that goes through all of its data.
package final class WatchedCheckpoint: CheckpointSource {
  private let source: any CheckpointSource
  private let meter: ByteMeter

  init(_ source: any CheckpointSource, _ meter: ByteMeter) {
    self.source = source
    self.meter = meter
  }

  package var label: String { source.label }
  package var tensors: [TensorSpec] { source.tensors }
  package var metadata: Metadata { source.metadata }
  package var storage: CheckpointStorage { source.storage }
  package var origin: CheckpointOrigin { source.origin }
  package func index(of name: TensorName) -> Int? { source.index(of: name) }

  package func reader(at index: Int) -> TensorReader {
    let (read, meter) = (source.reader(at: index), meter)
    return { byteOffset, buffer in
      try read(byteOffset, buffer)
      meter.add(buffer.count)
    }
  }
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
