import ArgumentParser
import Platform

/// `--shard`: `I/N`, or `auto` and `auto/N` for what a cluster's scheduler says in the environment.
package enum ShardOption: ExpressibleByArgument, Sendable, Equatable {
  case fixed(Shard)
  case automatic(count: Int?)

  package init?(argument: String) {
    let fields = argument.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map(
      String.init)
    switch (fields[0], fields.count) {
    case ("auto", 1): self = .automatic(count: nil)
    case ("auto", 2):
      guard let count = Int(fields[1]), count >= 1 else { return nil }
      self = .automatic(count: count)
    case (_, 2):
      guard let index = Int(fields[0]), let count = Int(fields[1]),
        let shard = Shard(index: index, count: count)
      else { return nil }
      self = .fixed(shard)
    default: return nil
    }
  }

  /// The shard meant.
  ///
  /// Schedulers in the order in which they are asked: Slurm's job arrays (whose first index and step are
  /// free), Open MPI, Slurm's tasks, Kubernetes' indexed jobs (which give the index only, so that `auto/N` is
  /// needed).
  ///
  /// - Throws: `Failure` with status 64 when no scheduler says which shard this process is.
  package func resolve(environment: [String: String]) throws -> Shard {
    guard case .automatic(let count) = self else {
      guard case .fixed(let shard) = self else { preconditionFailure() }
      return shard
    }
    func number(_ key: String) -> Int? { environment[key].flatMap { Int($0) } }
    let found: (index: Int, count: Int?, scheduler: String)
    if let id = number("SLURM_ARRAY_TASK_ID") {
      let step = max(1, number("SLURM_ARRAY_TASK_STEP") ?? 1)
      guard let distance = id.subtracting(exactly: number("SLURM_ARRAY_TASK_MIN") ?? 0), distance >= 0,
        distance % step == 0
      else {
        throw Failure(.usage, "--shard auto: Slurm reports task \(id), which is not in its array")
      }
      found = (distance / step, number("SLURM_ARRAY_TASK_COUNT"), "Slurm")
    } else if let rank = number("OMPI_COMM_WORLD_RANK") {
      found = (rank, number("OMPI_COMM_WORLD_SIZE"), "Open MPI")
    } else if let task = number("SLURM_PROCID") {
      found = (task, number("SLURM_NTASKS"), "Slurm")
    } else if let index = number("JOB_COMPLETION_INDEX") {
      found = (index, nil, "Kubernetes")
    } else {
      throw Failure(
        .usage,
        "--shard auto: no task index from Slurm, Open MPI or Kubernetes; give --shard I/N")
    }
    guard let total = count ?? found.count else {
      throw Failure(
        .usage, "--shard auto: \(found.scheduler) provides only index \(found.index); give --shard auto/N")
    }
    guard let shard = Shard(index: found.index, count: total) else {
      throw Failure(
        .usage,
        "--shard auto: \(found.scheduler) reports task \(found.index), which is outside the \(total) shards")
    }
    return shard
  }
}
