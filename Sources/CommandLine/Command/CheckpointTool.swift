import ArgumentParser
import Checkpoint
import Platform

/// Ends the process without the libraries' own endings: those of BLAS wait for threads that a limit of memory may have
/// kept from starting. Nothing of ours is buffered.
private func end(_ status: Int32) -> Never {
  fflush(nil)
  _exit(status)
}

/// A command of the family: parses, runs, and turns every error into one line and an exit status.
package protocol CheckpointTool: ParsableCommand {
  var global: GlobalOptions { get }

  /// The kernel types that the tool's bytes depend on; nil where all processors give the same.
  static var kernels: String? { get }

  /// Does the tool's work. Errors thrown here become the diagnostic.
  func execute(_ console: Console) throws
}

extension CheckpointTool {
  package static var kernels: String? { nil }

  /// The name the tool is known by in diagnostics and provenance.
  package static var toolName: String { configuration.commandName ?? "ckpt" }

  package static func main() {
    occupyStandardDescriptors()
    installSignalCleanup(tool: toolName)
    raiseDescriptorLimit()
    let status: Int32
    do {
      var command = try parseAsRoot()
      if let tool = command as? any CheckpointTool {
        let console = tool.global.makeConsole(tool: toolName)
        console.detail(
          counted(tool.global.threadCount, "thread") + (kernels.map { "; kernels: \($0)" } ?? ""))
        try tool.execute(console)
      } else {
        try command.run()
      }
      status = ExitStatus.done.rawValue
    } catch {
      status = report(error)
    }
    end(status)
  }

  /// A closed descriptor would be given to the next file that is opened, and messages would go into an output.
  ///
  /// The null device is opened the wrong way round, so that reading and writing fail as they do on a closed descriptor;
  /// messages are dropped.
  private static func occupyStandardDescriptors() {
    for (descriptor, mode) in [
      (STDIN_FILENO, O_WRONLY), (STDOUT_FILENO, O_RDONLY), (STDERR_FILENO, O_WRONLY),
    ]
    where fcntl(descriptor, F_GETFD) < 0 {
      // Lower ones are taken, so this is the one that is given.
      guard open("/dev/null", mode) == descriptor else { _exit(ExitStatus.inputOutput.rawValue) }
    }
  }

  /// A series is read side by side, and shells allow few open files although the system would allow many.
  private static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(bitPattern: RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(bitPattern: RLIMIT_NOFILE.rawValue), &limit)
  }

  private static func report(_ error: any Error) -> Int32 {
    if let status = ExitStatus(of: error) {
      writeLine("\(toolName): \(advised(error))")
      return status.rawValue
    }
    let code = exitCode(for: error)
    // The parser repeats what it was given.
    let text = Self.escapingArguments(in: fullMessage(for: error)) + "\n"
    guard code.isSuccess else {
      let message = Self.escapingArguments(in: message(for: error))
      let line = UsageMessage.line(message, full: text, tool: toolName, help: helpMessage())
      writeLine("\(toolName): \(line)")
      return code.rawValue
    }
    // `--help`, `--version` and completion scripts: data, so a failing write counts.
    let isScript = CommandLine.arguments.contains { $0.hasPrefix("--generate-completion-script") }
    do {
      try StandardOutput.write(isScript ? CompletionScript.withoutHelpCommand(text) : text)
      return code.rawValue
    } catch {
      writeLine("\(toolName): \(error)")
      return ExitStatus.inputOutput.rawValue
    }
  }

  /// `message` with arguments that hold line breaks on one line; all else that steers is escaped when it is written.
  private static func escapingArguments(in message: String) -> String {
    CommandLine.arguments.dropFirst().flatMap { argument in
      // `--option=value` is repeated by its parts.
      [argument[...]] + argument.split(separator: "=", maxSplits: 1).dropFirst()
    }.filter { $0.utf8.contains(UInt8(ascii: "\n")) }.reduce(message) { text, argument in
      text.replacing(argument, with: TensorName(String(argument)).escaped)
    }
  }
}
