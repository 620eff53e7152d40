import ArgumentParser
import Platform

/// Options that every tool has.
package struct GlobalOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Worker threads, at most 1024 (default: as many as the process may use). The result does not depend on it.",
      valueName: "n"))
  package var threads: Int?

  @Flag(
    inversion: .prefixedNo,
    help: "Show progress bars (default: if standard error is a terminal).")
  var progress: Bool?

  @Flag(name: [.short, .long], help: "Print only warnings and errors on standard error.")
  var quiet = false

  @Flag(name: [.short, .long], help: "Report what was recognized and chosen.")
  var verbose = false

  package init() {}

  package func validate() throws {
    try OptionBounds.check(["--threads": threads], 1...1024)
    if quiet && verbose { throw ValidationError("--quiet and --verbose exclude each other") }
  }

  /// Asked of the system once.
  private static let availableProcessors = availableProcessorCount()

  /// The number of worker threads to use.
  package var threadCount: Int { threads ?? Self.availableProcessors }

  /// A pool of `threadCount` threads.
  package func makePool() -> ThreadPool { ThreadPool(threads: threadCount) }

  func makeConsole(tool: String) -> Console {
    Console(tool: tool, verbosity: quiet ? .quiet : verbose ? .verbose : .normal, progress: progress)
  }
}
