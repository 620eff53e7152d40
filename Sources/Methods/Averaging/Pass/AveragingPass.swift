import Checkpoint
import Platform

/// One streaming read of a series that computes one or several averages.
///
/// ```swift
/// let plan = try AveragingPlan(series, Mean().combination(of: Timeline(names: files)))
/// let writer = try CheckpointWriter(
///   to: .path("mean.safetensors"), tensors: plan.entries.map(\.output), metadata: Metadata())
/// try AveragingPass([plan]).run(into: [writer], pool: pool)
/// try writer.finish()
/// ```
///
/// Every tensor is processed in slices of bounded size, which are distributed among threads and written in
/// order. Sums are float64 in the order of the series and are rounded once, to nearest even, so the bytes are
/// equal for any number of threads. Memory depends on the number of threads alone, not on the size or number
/// of the inputs.
public struct AveragingPass {
  /// Number of finished pieces that may wait for their turn.
  private static func waitingPieces(threads: Int) -> Int { max(threads, min(4 * threads, 128)) }

  let plans: [AveragingPlan]
  private let kernel: Kernel

  /// - Parameter plans: Plans over the same series with the same options.
  public init(_ plans: [AveragingPlan]) { self.init(plans, kernel: .best) }

  init(_ plans: [AveragingPlan], kernel: Kernel) {
    precondition(!plans.isEmpty, "no plan")
    self.plans = plans
    self.kernel = kernel
  }

  /// Reads the series once and writes every average.
  ///
  /// - Parameters:
  ///   - writers: One per plan, created with the plan's output tensors; not finished here.
  ///   - computesDigests: True to compute the CRC-32 of every input file as well.
  ///   - pool: Runs the arithmetic.
  ///   - progress: Called with the number of bytes just read, by one thread at a time.
  /// - Returns: The CRC-32 of every input file in hexadecimal if requested.
  /// - Throws: `AveragingError` for values that have no average, `CheckpointError` for reading and writing.
  @discardableResult
  public func run(
    into writers: [CheckpointWriter], digests computesDigests: Bool = false, pool: ThreadPool,
    progress: @escaping (Int) -> Void = { _ in }
  ) throws -> [String]? {
    let ordered = plans.map { Self.arrange($0, writers[0].order) }
    let entries = ordered[0].entries
    let tasks = TaskList(
      elementCounts: entries.map(PassWorker.elementCount), elementBytes: entries.map(PassWorker.footprint),
      bytes: PassWorker.sliceBytes)
    let series = ordered[0].series
    // Streams come in order; their senders are the other half of the work.
    let streams = series.members.compactMap(\.liveStream)
    let pool = streams.isEmpty ? pool : ThreadPool(threads: 1)
    var digests = series.members.map { SourceDigest($0, observesStream: computesDigests) }
    let spare = PassWorker.pieceBuffers(ordered)
    let constants = ConstantTensors()
    let workers = (0..<pool.threadCount).map { _ in
      PassWorker(
        ordered, kernel: kernel, computesDigests: computesDigests, threads: pool.threadCount, spare: spare,
        constants: constants)
    }
    let scales = try QuantizedScales(ordered, workers, pool: pool)
    for worker in workers { worker.scales = scales }
    let sequencer = Sequencer(limit: Self.waitingPieces(threads: pool.threadCount))

    try pool.forEach(tasks.count) { (task, number) throws in
      let worker = workers[number]
      do {
        worker.begin()
        for segment in tasks[task] { try worker.process(segment) }
      } catch {
        sequencer.fail(task)
        throw error
      }
      func write(_ finished: PassWorker.Finished) throws {
        for (writer, piece) in zip(writers, finished.pieces) { try writer.write(piece) }
        for read in finished.reads { digests[read.input].add(read) }
        progress(finished.bytesRead)
      }
      try sequencer.pass(task) {
        try write(worker.finished)
      } later: {
        let finished = worker.passOn()
        return {
          try write(finished)
          spare.give(finished.outputs)
        }
      }
    }
    for stream in streams { try stream.drain() }
    guard computesDigests else { return nil }
    return try digests.indices.map { try digests[$0].finish() }
  }

  /// Bytes of tensor data that are read; data for several averages count once.
  public var bytesToRead: Int { plans.map(\.bytesToRead).max()! }

  /// Largest size in bytes of the buffers of `run`; pages that are never used cost nothing.
  public func scratchBytes(threads: Int) -> Int {
    let members = plans[0].series.members
    let inputs = (min(PassWorker.groupSize(threads: threads), members.count) + 1) * PassWorker.sliceBytes
    // Sums and results, up to four times as wide as the inputs, buffers of other statistics, and waiting
    // results.
    let outputs = PassWorker.sliceBytes * (1 + 8 * plans.count + 8)
    let waiting = 4 * PassWorker.sliceBytes * Self.waitingPieces(threads: threads) * plans.count
    return threads * (inputs + outputs) + waiting
  }

  static func arrange(_ plan: AveragingPlan, _ order: [TensorSpec]) -> AveragingPlan {
    let byName = Dictionary(uniqueKeysWithValues: plan.entries.map { ($0.output.name, $0) })
    return plan.with(entries: order.map { byName[$0.name]! })
  }
}

extension AveragingPass {
  /// Copies the streams among the checkpoints to temporary files unless they can be read in lockstep: each of
  /// them must have its tensors in the order in which the output needs them.
  ///
  /// - Parameter order: The tensors of the outputs in the order in which they are written.
  /// - Returns: Names of the streams that were copied.
  @discardableResult
  public func spoolUnlessInLockstep(_ order: [TensorSpec]) throws -> [String] {
    let members = plans[0].series.members
    guard members.contains(where: { $0.liveStream != nil }), try !advancesInLockstep(order) else { return [] }
    return try members.compactMap { member in
      guard let stream = member.liveStream else { return nil }
      try stream.spool()
      return stream.label
    }
  }

  private func advancesInLockstep(_ order: [TensorSpec]) throws -> Bool {
    let ordered = plans.map { Self.arrange($0, order) }
    var positions = [Int](repeating: 0, count: plans[0].series.members.count)
    for index in ordered[0].entries.indices {
      let entry = ordered[0].entries[index]
      // Scales of quantized tensors are computed from data that come later.
      if entry.quantization != nil { return false }
      for input in Set(ordered.flatMap { $0.contributors(to: $0.entries[index]) }) {
        let member = plans[0].series.members[input]
        guard let stream = member.liveStream, entry.input.byteCount > 0 else { continue }
        let offset = stream.offset(of: entry.input.name)!
        if offset < positions[input] { return false }
        positions[input] = offset + entry.input.byteCount
      }
    }
    return true
  }
}

/// Tensors with values that have no average, such as masks of -∞.
///
/// They are copied if all checkpoints agree on the whole tensor, which is known when all of its pieces have
/// been seen, in any order.
final class ConstantTensors: @unchecked Sendable {
  private struct Findings {
    var differs = false
    var failure: AveragingError?
  }

  private let lock = Condition()
  private var findings: [Int: Findings] = [:]

  /// Records a piece in which the checkpoints differ.
  ///
  /// - Throws: The failure of another piece of the tensor.
  func differ(_ entry: Int) throws {
    try note(entry) { $0.differs = true }
  }

  /// Records a piece with values that have no average, on which the checkpoints agree.
  ///
  /// - Throws: `failure`, if they differ in another piece of the tensor.
  func pass(_ entry: Int, _ failure: AveragingError) throws {
    try note(entry) { $0.failure = $0.failure ?? failure }
  }

  private func note(_ entry: Int, _ change: (inout Findings) -> Void) throws {
    let found = lock.withLock {
      change(&findings[entry, default: Findings()])
      return findings[entry]!
    }
    if found.differs, let failure = found.failure { throw failure }
  }
}
