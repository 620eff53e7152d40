import ArgumentParser
import Checkpoint
import Command
import NetworkGraphs

@main
struct Info: CheckpointTool {
  static let configuration = CommandConfiguration(
    commandName: "ckpt-info",
    abstract: "List, verify and compare checkpoints.",
    usage: "ckpt-info [list|verify|diff|stats] <file> ... [<options>]",
    discussion: """
      list    names, types, shapes and sizes, metadata, recognized architecture (the default)
      verify  structure and checksums; status 1 if anything is damaged
      diff    two checkpoints, tensor by tensor; status 1 if they differ beyond --tolerance
      stats   range, mean, standard deviation, zeros, NaNs and infinities of every tensor

      Write a file named like an action as ./list.
      """,
    version: versionText("ckpt-info"))

  @Argument(help: ArgumentHelp("Action and checkpoints.", valueName: "file"), completion: .file())
  var words: [String] = []

  @Option(help: "Format of the results.")
  var format: Format = .table

  @Option(help: ArgumentHelp("diff: largest absolute difference that counts as equal.", valueName: "x"))
  var tolerance = 0.0

  @OptionGroup(title: "Input") var input: InputOptions
  @OptionGroup(title: "General") var global: GlobalOptions

  enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }
  enum Action: String, CaseIterable { case list, verify, diff, stats }

  var action: Action { words.first.flatMap(Action.init) ?? .list }
  var files: [String] { words.first.flatMap(Action.init) == nil ? words : Array(words.dropFirst()) }

  func validate() throws {
    try OptionBounds.check(["--tolerance": tolerance], .within(0...Double.infinity))
    switch action {
    case .diff where files.count != 2:
      throw ValidationError("diff compares two checkpoints, not \(files.count)")
    case .list, .verify, .stats:
      guard !files.isEmpty else { throw ValidationError("name a checkpoint, or '-' for standard input") }
    default: break
    }
    guard files.count(where: { $0 == "-" }) <= 1 else {
      throw ValidationError("standard input can be read once only")
    }
  }

  func execute(_ console: Console) throws {
    switch action {
    case .list: try print(files.map { try listing(of: open($0)) })
    case .stats:
      try print(
        console.watching("reading", files.map { try open($0) }) { try $0.map { try statistics(of: $0) } })
    case .diff: try diff(console)
    case .verify: try verifyAll(console)
    }
  }

  func open(_ path: String) throws -> any CheckpointSource { try open(path, key: input.key) }

  private func open(_ path: String, key: String?) throws -> any CheckpointSource {
    var options = try input.openOptions(threads: global.threadCount)
    options.acceptsParts = true
    options.key = key
    return try openModel(path, options: options)
  }

  /// The two checkpoints to compare, of which one may have no keys.
  private func openPair() throws -> [any CheckpointSource] {
    var isKeyless = false
    return try files.map { path in
      do {
        return try open(path)
      } catch CheckpointError.keyWithoutMeaning where path != "-" && !isKeyless {
        isKeyless = true
        return try open(path, key: nil)
      }
    }
  }

  /// One report per checkpoint; a single one needs no heading.
  func print(_ reports: [Report]) throws {
    switch format {
    case .json: try StandardOutput.write(Report.json(reports) + "\n")
    case .table:
      let texts = reports.map { $0.text(heading: reports.count > 1) }
      try StandardOutput.write(texts.joined(separator: "\n"))
    }
  }

  private func diff(_ console: Console) throws {
    // Whether bytes are equal is one pass, how far values are apart another.
    let comparison = try console.watching("comparing", openPair(), passes: 2) {
      try CheckpointComparison($0[0], $0[1])
    }
    let differing = comparison.common.filter { !$0.isWithin(tolerance) }
    try print([report(of: comparison, label: "\(files[0]) \(files[1])")])
    guard comparison.isWithin(tolerance) else {
      throw Failure(
        .negativeVerdict,
        "tensors: \(differing.count) differ, \(comparison.missing.count) missing, \(comparison.extra.count) extra"
      )
    }
  }

  private func verifyAll(_ console: Console) throws {
    var faults: [String] = []
    var report = Report(label: "verify", columns: ["file", "tensors", "bytes", "checksums", "verdict"])
    for path in files {
      var found: [String]
      var counts = (0, 0)
      var checksums = Report.Cell.none
      do {
        let source = try open(path)
        counts = (source.tensors.count, source.tensors.reduce(0) { $0 + $1.byteCount })
        checksums = .text(source.checksumCoverage.rawValue)
        found = console.watching("verifying", [source]) { verify($0[0]) }
      } catch let error as CheckpointError where error.kind == .badData {
        found = ["\(error)"]
      }
      report.add([
        .text(path), .integer(counts.0), .integer(counts.1), checksums,
        .text(found.isEmpty ? "ok" : "damaged"),
      ])
      faults += found
    }
    try print([report])
    for fault in faults.dropLast() { console.warning(fault) }
    if let last = faults.last { throw Failure(.negativeVerdict, last) }
  }
}
