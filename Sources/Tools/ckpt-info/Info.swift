import ArgumentParser
import Checkpoint
import Command
import NetworkGraphs

@main
struct Info: CheckpointTool {
  static let configuration = CommandConfiguration(
    commandName: "ckpt-info",
    abstract: "List, verify and compare checkpoints.",
    usage: "ckpt-info [list|summary|tree|verify|diff|stats] <file> ... [<options>]",
    discussion: """
      list     names, types, shapes and sizes, metadata, recognized architecture (the default)
      summary  one line for each file: format, size, network, preprocessing, how it was made
      tree     tensors and sizes by module
      verify   structure and checksums; status 1 if anything is damaged
      diff     two checkpoints, tensor by tensor; status 1 if they differ beyond --tolerance
      stats    range, mean, standard deviation, zeros, NaNs and infinities of every tensor

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
  enum Action: String, CaseIterable { case list, summary, tree, verify, diff, stats }

  var action: Action { words.first.flatMap(Action.init) ?? .list }
  var files: [String] { words.first.flatMap(Action.init) == nil ? words : Array(words.dropFirst()) }

  func validate() throws {
    try OptionBounds.check(["--tolerance": tolerance], .within(0...Double.infinity))
    switch action {
    case .diff where files.count != 2:
      throw ValidationError("diff compares two checkpoints, not \(files.count)")
    case .list, .summary, .tree, .verify, .stats:
      guard !files.isEmpty else { throw ValidationError("name a checkpoint, or '-' for standard input") }
    default: break
    }
    guard files.count(where: { $0 == "-" }) <= 1 else {
      throw ValidationError("standard input can be read once only")
    }
  }

  func execute(_ console: Console) throws {
    switch action {
    case .list: try each(console) { try listing(of: $0) }
    case .tree: try each(console) { tree(of: $0) }
    case .stats: try each(console) { try console.watching("reading", [$0]) { try statistics(of: $0[0]) } }
    case .summary: try summarizeAll(console)
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

  /// A report of every file. One that cannot be read costs its own report.
  private func each(_ console: Console, _ report: (any CheckpointSource) throws -> Report) throws {
    var reports: [Report] = []
    var faults: [any Error] = []
    for path in files {
      do {
        reports.append(try report(try open(path)))
      } catch {
        if files.count == 1 { throw error }
        faults.append(error)
        var fault = Report(label: path, columns: [])
        fault.remarks = [("error", .text(advised(error)))]
        reports.append(fault)
      }
    }
    try print(reports)
    try raise(faults, console)
  }

  /// Tells of all faults, and ends with the status of one that kept a file from being read, if there is one.
  func raise(_ faults: [any Error], _ console: Console) throws {
    let last = faults.lastIndex { ($0 as? Failure)?.status != .negativeVerdict } ?? faults.indices.last
    for index in faults.indices where index != last { console.warning(advised(faults[index])) }
    if let last { throw faults[last] }
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
}
