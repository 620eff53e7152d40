import Checkpoint

extension Info {
  /// A row for every module with the tensors below it, in the order of their first tensors.
  ///
  /// Below 64 levels, which no network has, modules are not told apart: names of any length would take quadratic time.
  func tree(of source: any CheckpointSource) -> Report {
    struct Module {
      var tensors = 0
      var elements = 0
      var bytes = 0
      var types: [String] = []
      var children: [String] = []
    }
    // By full name; the root has none.
    var modules: [String: Module] = ["": Module()]
    for spec in source.tensors {
      var path = ""
      for part in [nil] + spec.name.string.split(separator: ".").dropLast().prefix(64).map(Optional.some) {
        if let part {
          let child = path.isEmpty ? String(part) : "\(path).\(part)"
          if modules[child] == nil {
            modules[child] = Module()
            modules[path]!.children.append(child)
          }
          path = child
        }
        modules[path]!.tensors += 1
        modules[path]!.elements += spec.elementCount
        modules[path]!.bytes += spec.byteCount
        if !modules[path]!.types.contains(spec.dtype.name) { modules[path]!.types.append(spec.dtype.name) }
      }
    }
    var report = Report(
      label: source.label, columns: ["module", "depth", "tensors", "elements", "bytes", "dtype"])
    report.unprinted = ["depth"]
    // Depth first without recursion: names may have any number of levels.
    var pending = modules[""]!.children.reversed().map { (name: $0, depth: 0) }
    while let (name, depth) = pending.popLast() {
      let module = modules[name]!
      let label = depth == 0 ? name : String(name.split(separator: ".").last ?? "")
      report.add([
        .branch(label, depth: depth, name: name), .integer(depth), .integer(module.tensors),
        .integer(module.elements), .integer(module.bytes), .text(module.types.joined(separator: "+")),
      ])
      pending += module.children.reversed().map { (name: $0, depth: depth + 1) }
    }
    let root = modules[""]!
    report.remarks = [
      ("tensors", .integer(root.tensors)), ("elements", .integer(root.elements)),
      ("bytes", .integer(root.bytes)),
    ]
    return report
  }
}
