import ArgumentParser
import Platform

/// C's `exit`, which the methods of commands hide.
private func end(_ status: Int32) -> Never { exit(status) }

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
    installSignalCleanup()
    raiseDescriptorLimit()
    let status: Int32
    do {
      var command = try parseAsRoot()
      if let tool = command as? any CheckpointTool {
        let console = tool.global.makeConsole(tool: toolName)
        console.detail(
          "\(tool.global.threadCount) threads" + (kernels.map { "; kernels: \($0)" } ?? ""))
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

  /// A series is read side by side, and shells allow few open files although the system would allow many.
  private static func raiseDescriptorLimit() {
    var limit = rlimit()
    guard getrlimit(__rlimit_resource_t(bitPattern: RLIMIT_NOFILE.rawValue), &limit) == 0 else { return }
    limit.rlim_cur = limit.rlim_max
    setrlimit(__rlimit_resource_t(bitPattern: RLIMIT_NOFILE.rawValue), &limit)
  }

  private static func report(_ error: any Error) -> Int32 {
    if let status = ExitStatus(of: error) {
      let advice = (error as? any AdvisedError)?.advice.map { "; \($0)" } ?? ""
      writeToStandardError("\(toolName): \(error)\(advice)\n")
      return status.rawValue
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
