import Checkpoint
import Command
import Platform

extension Info {
  /// A row for every file: what it holds and where it comes from.
  func summarizeAll(_ console: Console) throws {
    var faults: [any Error] = []
    var report = Report(
      label: "summary",
      columns: [
        "file", "format", "tensors", "bytes", "dtype", "network", "state dict", "size", "batchnorm",
        "made by",
        "error",
      ])
    report.unprinted = ["error"]
    for path in files {
      do {
        report.add([.text(path)] + summary(of: try open(path)) + [.none])
      } catch {
        faults.append(error)
        report.add([.text(path)] + Array(repeating: .none, count: 9) + [.text(advised(error))])
      }
    }
    try print([report])
    try raise(faults, console)
  }

  private func summary(of source: any CheckpointSource) -> [Report.Cell] {
    let metadata = source.metadata
    func optional(_ text: String?) -> Report.Cell { text.map { .text($0) } ?? .none }
    let floating = source.tensors.map(\.dtype).filter(\.isFloatingPoint)
    let types = (floating.isEmpty ? source.tensors.map(\.dtype) : floating).map(\.name).unique
    let network = try? network(of: source)
    let sizes = [metadata[MetadataKey.resize], metadata[MetadataKey.crop]].compactMap(\.self)
    return [
      .text(source.formatDescription), .integer(source.tensors.count),
      .integer(source.tensors.reduce(0) { $0 + $1.byteCount }), optional(types.joined(separator: "+")),
      optional(network?.architectureName ?? source.origin.model?.architecture),
      optional(source.stateDictKey.flatMap { $0.isEmpty ? nil : $0 }),
      optional(sizes.isEmpty ? nil : sizes.joined(separator: "/")),
      optional(metadata[MetadataKey.batchNorm]), optional(Provenance.inWords(metadata)),
    ]
  }
}
