import Checkpoint

extension Info {
  /// Range and moments of every tensor.
  func statistics(of source: any CheckpointSource) throws -> Report {
    var report = Report(
      label: source.label,
      columns: ["name", "dtype", "shape", "min", "max", "mean", "std", "zeros", "nan", "inf"])
    let pool = global.makePool()
    for spec in source.tensors {
      let head: [Report.Cell] = [.text(spec.name.string), .text(spec.dtype.name), .shape(spec.shape)]
      guard spec.dtype.isReal else {
        report.add(head + Array(repeating: .none, count: 7))
        continue
      }
      let found = try TensorStatistics(of: spec, in: source, pool: pool)
      let finite = found.minimum <= found.maximum
      report.add(
        head + [
          finite ? .number(found.minimum) : .none, finite ? .number(found.maximum) : .none,
          finite ? .number(found.mean) : .none, finite ? .number(found.standardDeviation) : .none,
          .integer(found.zeroCount), .integer(found.nanCount), .integer(found.infinityCount),
        ])
    }
    return report
  }
}
