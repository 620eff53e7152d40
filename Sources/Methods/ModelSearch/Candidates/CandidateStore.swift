import Averaging
import Checkpoint
import NetworkExecution
import Platform

/// An open candidate and its network.
public struct CandidateModel: Sendable {
  /// The checkpoint by the names of the network; what is written from it has those of its file.
  public let source: any CheckpointSource
  /// The network that is measured.
  public let network: Network
  /// The metadata that an output of it begins with.
  public let metadata: Metadata
  private let makeNetwork: @Sendable (ComputeOptions) throws -> Network

  /// - Parameters:
  ///   - source: The checkpoint.
  ///   - network: Its network.
  ///   - metadata: Metadata that an output of it begins with.
  ///   - makeNetwork: Builds the network again for other arithmetic.
  public init(
    source: any CheckpointSource, network: Network, metadata: Metadata,
    makeNetwork: @escaping @Sendable (ComputeOptions) throws -> Network
  ) {
    self.source = source
    self.network = network
    self.metadata = metadata
    self.makeNetwork = makeNetwork
  }

  /// The network whose rounding does not grow through layers that normalize with their batch.
  func statisticsNetwork() throws -> Network { try makeNetwork(.statistics) }
}

/// Reports steps of work that takes a while.
///
/// - Parameters:
///   - label: Name of the work.
///   - total: Number of steps.
///   - unit: Name of what is counted.
/// - Returns: A function that is called with the number of steps just done.
public typealias WorkMeter = (_ label: String, _ total: Int, _ unit: String) -> (_ steps: Int) -> Void

/// The candidates of a series as checkpoints: averages are written to files of a folder, many in one read of the series.
public final class CandidateStore {
  /// The checkpoints.
  public let series: Series
  /// Their names.
  public let timeline: Timeline
  private let pool: ThreadPool
  private let newFile: (String) -> String
  private let open: (any CheckpointSource) throws -> CandidateModel
  private let meter: WorkMeter
  private var written: [Candidate: String] = [:]

  /// - Parameters:
  ///   - series: The checkpoints; none of them is a stream that is yet to be read.
  ///   - timeline: Their names.
  ///   - pool: Runs the arithmetic.
  ///   - newFile: Path of a file for what is called so, which goes away by itself in the end.
  ///   - open: Builds the network of a checkpoint.
  ///   - meter: Reports progress.
  public init(
    series: Series, timeline: Timeline, pool: ThreadPool, newFile: @escaping (String) -> String,
    open: @escaping (any CheckpointSource) throws -> CandidateModel, meter: @escaping WorkMeter
  ) {
    self.series = series
    self.timeline = timeline
    self.pool = pool
    self.newFile = newFile
    self.open = open
    self.meter = meter
  }

  /// Opens a checkpoint of this search, of whatever stage.
  func model(of source: any CheckpointSource) throws -> CandidateModel { try open(source) }

  /// The path of a file that goes away by itself.
  func file(_ name: String) -> String { newFile(name) }

  /// The model of a candidate to measure: of a single checkpoint its file, of an average what was written.
  func model(_ candidate: Candidate) throws -> CandidateModel {
    if case .checkpoint(let place) = candidate { return try open(series.members[place].source) }
    return try open(average(candidate))
  }

  /// The candidate as averaging writes it, single checkpoints included.
  func average(_ candidate: Candidate) throws -> any CheckpointSource {
    try write([candidate])
    return try openCheckpoint(.path(written[candidate]!))
  }

  /// Writes the averages among some candidates that are not there yet.
  ///
  /// - Throws: `AveragingError`, `CheckpointError`.
  func prepare(_ candidates: [Candidate]) throws {
    try write(candidates.filter { if case .checkpoint = $0 { false } else { true } })
  }

  private func write(_ candidates: [Candidate]) throws {
    var rest = candidates.filter { written[$0] == nil }[...]
    while !rest.isEmpty {
      let plans = try rest.map { try $0.plan(series, timeline) }
      // Buffers grow with the number of averages; one always goes.
      var count = plans.count
      while count > 1,
        AveragingPass(Array(plans[..<count])).scratchBytes(threads: pool.threadCount)
          > memoryLimit / 4
      {
        count = (count + 1) / 2
      }
      try write(Array(zip(rest.prefix(count), plans)))
      rest = rest.dropFirst(count)
    }
  }

  private func write(_ averages: [(candidate: Candidate, plan: AveragingPlan)]) throws {
    let paths = averages.enumerated().map { newFile("average-\(written.count + $0.offset).safetensors") }
    let writers = try zip(averages, paths).map { average, path in
      try CheckpointWriter(
        to: .path(path), tensors: average.plan.entries.map(\.output),
        metadata: MergedMetadata(average.plan).metadata)
    }
    let pass = AveragingPass(averages.map(\.plan))
    let megabytes = 1 << 20
    let advance = meter("averaging", pass.bytesToRead / megabytes, "MiB")
    var bytes = 0
    try pass.run(into: writers, pool: pool) { read in
      advance((bytes + read) / megabytes - bytes / megabytes)
      bytes += read
    }
    for (average, (writer, path)) in zip(averages, zip(writers, paths)) {
      try writer.finish()
      written[average.candidate] = path
    }
  }
}
