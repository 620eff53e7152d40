import ArgumentParser
import Checkpoint
import Command
import FoundationEssentials
import ModelSearch
import Platform

/// Files and formats of the results.
struct ResultOptions: ParsableArguments {
  @Option(
    name: [.short, .long],
    help: ArgumentHelp(
      "Checkpoint to write; '-' is standard output and moves the table to standard error.", valueName: "path"),
    completion: .file())
  var output: String?

  @Option(help: ArgumentHelp("Format of the results.", valueName: "format"))
  var format: Format = .table

  @Option(
    help: ArgumentHelp(
      "Report of the search: JSON, or by its suffix a page (.html) or a model card (.md).", valueName: "file"),
    completion: .file())
  var report: String?

  enum Format: String, ExpressibleByArgument, CaseIterable { case table, json }

  /// Everything that is written; the table goes to standard output where no checkpoint does.
  func plannedOutputs(state: String?, printsTable: Bool) -> PlannedOutputs {
    var outputs = PlannedOutputs()
    outputs.add("-o", output)
    if printsTable && output != "-" && report == "-" { outputs.add("the table", "-") }
    outputs.add("--report", report)
    outputs.add("--state", state)
    return outputs
  }

  /// Prints the result on standard output, or on standard error if a checkpoint goes there.
  func print(_ report: SearchReport, console: Console) throws {
    let text =
      switch format {
      case .table: report.table
      case .json: report.json.encoded() + "\n"
      }
    if output == "-" { try StandardError.write(text) } else { try StandardOutput.write(text) }
    if format == .json { for line in report.answerLines { console.notice(line) } }
  }

  /// Writes the report where asked for.
  func write(_ report: SearchReport) throws {
    guard let path = self.report else { return }
    try writeReport(report.json, as: { report.document }, to: path)
  }
}

/// Searches that are divided among machines or continued later.
struct PartOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Shard I of N of the averages (I from 0), or from the scheduler: auto, auto/N.", valueName: "i/n"))
  var shard: ShardOption?

  @Option(
    help: ArgumentHelp("State file with the measurements, to continue from.", valueName: "file"),
    completion: .file())
  var state: String?

  @Option(
    parsing: .upToNextOption,
    help: ArgumentHelp("States of all shards to choose from.", valueName: "file"), completion: .file())
  var merge: [String] = []

  func validate() throws {
    if shard != nil && state == nil { throw ValidationError("--shard needs --state for what it measures") }
    if !merge.isEmpty && (shard != nil || state != nil) {
      throw ValidationError("--merge excludes --shard and --state")
    }
  }

  /// The share of this process; nil for the whole.
  func resolvedShard() throws -> Shard? {
    try shard?.resolve(environment: ProcessInfo.processInfo.environment)
  }

  /// Outcomes that earlier runs have measured.
  ///
  /// - Parameters:
  ///   - recipe: Everything that the measurements depend on.
  ///   - board: An empty board of this search.
  func board(_ recipe: JSON, shard: Shard?, empty board: Scoreboard) throws -> Scoreboard {
    if !merge.isEmpty {
      return try SearchState.merged(
        merge.map {
          (name: $0, state: try SearchState(reading: openCheckpoint(.path($0)), recipe: recipe, empty: board))
        }
      ).board
    }
    guard let state, FileManager.default.fileExists(atPath: state) else { return board }
    let earlier = try SearchState(reading: openCheckpoint(.path(state)), recipe: recipe, empty: board)
    guard earlier.shard == shard else {
      throw SearchError.badState(
        path: state, "is of \(earlier.shard.map { "shard \($0)" } ?? "a whole search")")
    }
    return earlier.board
  }

  /// Writes the state; the old one stays until the new one is complete.
  func save(_ board: Scoreboard, recipe: JSON, shard: Shard?) throws {
    guard let state else { return }
    let (tensors, metadata) = try SearchState(recipe: recipe, shard: shard, board: board).encoded()
    try writeCheckpoint(tensors, metadata: metadata, to: .path(state))
  }
}
