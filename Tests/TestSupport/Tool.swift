import Foundation

/// Runs the built executables as a shell would.
package enum Tool {
  package struct Outcome: Sendable {
    package let status: Int32
    package let output: Data
    package let messages: String
    package var text: String { String(decoding: output, as: UTF8.self) }
  }

  /// The folder of the executables: tests are linked beside them.
  package static let folder = URL(fileURLWithPath: "/proc/self/exe").resolvingSymlinksInPath()
    .deletingLastPathComponent().path

  /// Runs `name` with `arguments` in `directory`, feeding `input` to its standard input.
  package static func run(
    _ name: String, _ arguments: [String], input: Data? = nil, in directory: URL? = nil
  ) throws -> Outcome {
    try start("\(folder)/\(name)", arguments, input: input, directory: directory)
  }

  /// Runs a shell pipeline in which the tools are on the path; `pipefail` is set.
  package static func shell(_ script: String) throws -> Outcome {
    try start(
      "/bin/bash", ["-c", "set -o pipefail; PATH='\(folder)':$PATH; \(script)"], input: nil, directory: nil)
  }

  private static func start(
    _ path: String, _ arguments: [String], input: Data?, directory: URL?
  ) throws -> Outcome {
    let scratch = try TemporaryFolder()
    let process = Process()
    process.executableURL = URL(fileURLWithPath: path)
    process.arguments = arguments
    if let directory { process.currentDirectoryURL = directory }
    // Help is wrapped to this variable's width, where it is set.
    process.environment = ProcessInfo.processInfo.environment.filter { $0.key != "COLUMNS" }
    // Files instead of pipes: nothing can block on a full pipe, whatever the sizes.
    if let input {
      try input.write(to: URL(fileURLWithPath: scratch.file("in")))
      process.standardInput = FileHandle(forReadingAtPath: scratch.file("in"))
    } else {
      process.standardInput = FileHandle.nullDevice
    }
    for name in ["out", "err"] {
      _ = FileManager.default.createFile(atPath: scratch.file(name), contents: nil)
    }
    process.standardOutput = FileHandle(forWritingAtPath: scratch.file("out"))
    process.standardError = FileHandle(forWritingAtPath: scratch.file("err"))
    try process.run()
    process.waitUntilExit()
    let signalled = process.terminationReason == .uncaughtSignal
    return Outcome(
      status: signalled ? 128 + process.terminationStatus : process.terminationStatus,
      output: try Data(contentsOf: URL(fileURLWithPath: scratch.file("out"))),
      messages: String(
        decoding: try Data(contentsOf: URL(fileURLWithPath: scratch.file("err"))), as: UTF8.self))
  }
}
