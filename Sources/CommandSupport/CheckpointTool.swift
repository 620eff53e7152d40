import ArgumentParser
import Foundation

/// A command of the family: parses, runs, and turns every error into one line and an exit status.
package protocol CheckpointTool: ParsableCommand {
  var global: GlobalOptions { get }

  /// Does the tool's work. Errors thrown here become the diagnostic.
  func execute(_ console: Console) throws
}

extension CheckpointTool {
  /// The name the tool is known by in diagnostics and provenance.
  package static var toolName: String { configuration.commandName ?? "ckpt" }

  package static func main() {
    installSignalCleanup()
    raiseDescriptorLimit()
    let status: Int32
    do {
      var command = try parseAsRoot()
      if let tool = command as? any CheckpointTool {
        try tool.execute(tool.global.makeConsole(tool: toolName))
      } else {
        try command.run()
      }
      status = ExitStatus.done.rawValue
    } catch {
      status = report(error)
    }
    Foundation.exit(status)
  }

  /// A series is read side by side, and shells allow few open files although the system would allow many.
  private static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(bitPattern: RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(bitPattern: RLIMIT_NOFILE.rawValue), &limit)
  }

  private static func report(_ error: any Error) -> Int32 {
    if let known = error as? any DiagnosedError {
      let advice = known.advice.map { "; \($0)" } ?? ""
      writeToStandardError("\(toolName): \(known.description)\(advice)\n")
      return known.exitStatus.rawValue
    }
    let code = exitCode(for: error)
    let text = fullMessage(for: error) + "\n"
    guard code.isSuccess else {
      writeToStandardError(text)
      return code.rawValue
    }
    // `--help`, `--version` and completion scripts: data, so a failing write counts.
    do {
      try StandardOutput.write(text)
      return code.rawValue
    } catch {
      writeToStandardError("\(toolName): \(error)\n")
      return ExitStatus.inputOutput.rawValue
    }
  }
}
