import Checkpoint
import NetworkGraphs

extension Info {
  /// Every tensor, and what the checkpoint says of itself.
  func listing(of source: any CheckpointSource) throws -> Report {
    var report = Report(label: source.label, columns: ["name", "dtype", "shape", "bytes", "stored", "ratio"])
    var totals = (bytes: 0, stored: 0, elements: 0)
    for spec in source.tensors {
      let stored = source.storedByteCount(spec.name) ?? spec.byteCount
      totals = (totals.bytes + spec.byteCount, totals.stored + stored, totals.elements + spec.elementCount)
      report.add([
        .text(spec.name.string), .text(spec.dtype.name), .shape(spec.shape), .integer(spec.byteCount),
        .integer(stored), ratio(spec.byteCount, stored),
      ])
    }
    report.remarks = [
      ("format", .text(source.formatDescription)), ("tensors", .integer(source.tensors.count)),
      ("elements", .integer(totals.elements)),
      ("bytes", .integer(totals.bytes)), ("stored", .integer(totals.stored)),
      ("ratio", ratio(totals.bytes, totals.stored)),
    ]
    if let choice = source.origin.stateDict, !choice.passedOver.isEmpty {
      report.remarks.append(("averaged weights", .text(choice.key)))
      report.remarks.append(("other state dicts", .text(choice.passedOver.joined(separator: ", "))))
    }
    if !source.origin.wrapper.isEmpty { report.remarks.append(("wrapper", .text(source.origin.wrapper))) }
    if let count = source.origin.averagedModelCount { report.remarks.append(("n averaged", .number(count))) }
    if let recorded = source.origin.model, let name = recorded.architecture {
      report.remarks.append(("recorded architecture", .text("\(name) (\(recorded.source.rawValue))")))
    }
    do {
      let network = try network(of: source)
      report.remarks.append(("architecture", .text(network.architectureName)))
      report.remarks.append(("decided by", .text("\(network.evidence)")))
      if let assumption = network.assumption { report.remarks.append(("assumed", .text(assumption))) }
      if !network.alternatives.isEmpty {
        report.remarks.append(("same tensors as", .text(network.alternatives.joined(separator: ", "))))
      }
      report.remarks.append(("classes", .integer(network.classCount)))
    } catch NetworkError.leftoverTensors(_, let architecture, let names, let count) {
      // Most files that are listed hold other things than classifiers; only a network that nearly fits is worth a remark.
      let more = count > names.count ? " and \(count - names.count) more" : ""
      let list = names.map(\.string).joined(separator: ", ")
      report.remarks.append(("not recognized", .text("\(architecture) but for \(list)\(more)")))
    } catch {}
    report.metadata = source.metadata
    return report
  }

  /// The network of a checkpoint or of an ONNX file.
  func network(of source: any CheckpointSource) throws -> NetworkDescription {
    try NetworkDescription(
      recordedIn: source is ONNXCheckpoint ? source : NetworkDescription.view(of: source))
  }

  private func ratio(_ bytes: Int, _ stored: Int) -> Report.Cell {
    stored == 0 ? .none : .number((Double(bytes) / Double(stored) * 1000).rounded() / 1000)
  }
}
