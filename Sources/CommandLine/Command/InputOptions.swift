import ArgumentParser
import Checkpoint
import FoundationEssentials
import Platform

/// Options of finding and decoding a checkpoint that a tool reads.
package struct InputOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "State dict to read from a PyTorch file, with levels separated by '/'.", valueName: "name"))
  package var key: String?

  @Option(
    help: ArgumentHelp("Base checkpoint of a compressed difference.", valueName: "checkpoint"),
    completion: .file())
  package var base: String?

  package init() {}

  /// Options for `openCheckpoint`; opens the base.
  package func openOptions(threads: Int) throws -> OpenOptions {
    var options = OpenOptions()
    options.temporaryFolder = temporaryFolder
    options.key = key
    options.threads = threads
    if let base { options.base = try openCheckpoint(Location(argument: base), options: options) }
    return options
  }
}

/// Folder for temporary files: `TMPDIR`, or `/tmp`.
package var temporaryFolder: String {
  ProcessInfo.processInfo.environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
}

/// Says in one line which files' averaged weights were taken although they hold raw ones, too.
package func tellStateDicts(of sources: [any CheckpointSource], _ console: Console) {
  let averaged = sources.filter { $0.origin.stateDict?.reason == .averaged }
  guard let first = averaged.first, let choice = first.origin.stateDict else { return }
  func quoted(_ key: String) -> String {
    key.isEmpty ? "those at the top level" : "\"\(TensorName(key).escaped)\""
  }
  let files = averaged.count == 1 ? TensorName(first.label).escaped : "\(averaged.count) files"
  let raw = choice.passedOver.map(quoted).joined(separator: ", ")
  console.notice(
    "\(files): averaged weights \(quoted(choice.key)) used instead of \(raw); --key selects others")
}

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

/// A progress bar in MiB for work that counts bytes. Thread safe, which the bar is not.
package final class ByteMeter: @unchecked Sendable {
  private let bar: ProgressBar
  private let count = Guarded(0)

  init(_ bar: ProgressBar) { self.bar = bar }

  /// Counts `bytes` more bytes as done.
  package func add(_ bytes: Int) {
    count.withLock { count in
      bar.advance(by: (count + bytes) >> 20 - count >> 20)
      count += bytes
    }
  }

  /// Removes the bar from the terminal.
  package func finish() { bar.finish() }
}

extension Console {
  /// A bar for `total` bytes, silent unless progress is shown.
  package func byteMeter(_ label: String, total: Int) -> ByteMeter {
    ByteMeter(progress(label, total: total >> 20, unit: "MiB"))
  }
}
