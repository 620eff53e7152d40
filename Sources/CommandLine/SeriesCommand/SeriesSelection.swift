import Averaging
import Checkpoint
import Command
import FoundationEssentials
import Platform

/// The checkpoints of a series, in order, as the options select them.
package struct SeriesSelection {
  /// A checkpoint and its training step, where one is needed.
  package struct File: Sendable {
    package var path: String
    package var step: Double?
    /// The open file, where it had to be looked into already.
    package var source: (any CheckpointSource)?

    package init(path: String, step: Double? = nil, source: (any CheckpointSource)? = nil) {
      self.path = path
      self.step = step
      self.source = source
    }
  }

  let options: SeriesOptions
  let order: SeriesOrder
  /// Opens a checkpoint that will not be read as a stream.
  let open: (String) throws -> any CheckpointSource
  let console: Console

  package init(
    options: SeriesOptions, order: SeriesOrder, open: @escaping (String) throws -> any CheckpointSource,
    console: Console
  ) {
    self.options = options
    self.order = order
    self.open = open
    self.console = console
  }

  /// The selected checkpoints in order.
  ///
  /// - Parameters:
  ///   - needsSteps: Whether the method works on training steps.
  ///   - last: The longest window, for which the others are cut off.
  ///   - mode: Which scores are the best.
  ///   - outputs: Files that are written, which are no part of a folder's series.
  package func files(needsSteps: Bool, last: Int?, mode: GreedySoup.Mode, outputs: [String]) throws -> [File]
  {
    var files = try listed(outputs)
    let wantsSteps = needsSteps || options.steps != nil
    if case .given(let values)? = options.steps {
      guard values.count == files.count else {
        throw Failure(.usage, "--steps has \(values.count) values for \(files.count) checkpoints")
      }
      for index in files.indices { files[index].step = values[index] }
    } else if wantsSteps || options.from != nil || options.until != nil {
      for index in files.indices {
        guard let step = StepNumber.parse(files[index].path) else {
          throw AveragingError.noStep(file: files[index].path)
        }
        files[index].step = step
      }
    }
    if options.from != nil || options.until != nil {
      files = files.filter {
        $0.step! >= options.from ?? -.infinity && $0.step! <= options.until ?? .infinity
      }
      if files.isEmpty { throw Failure(.badData, "no checkpoint has a step from --from to --until") }
    }
    if let best = options.best {
      let scores = try scores(of: files)
      do {
        files = try MetricsTable.best(best, of: scores, mode: mode).map { files[$0] }
      } catch let fault as MetricsTable.Fault {
        throw Failure(.badData, "--best: \(fault)")
      }
    }
    if let last {
      guard last <= files.count else {
        throw Failure(.usage, "--last \(last): there are only \(counted(files.count, "checkpoint"))")
      }
      files = files.suffix(last)
    }
    if !wantsSteps { for index in files.indices { files[index].step = nil } }
    return files
  }

  private func listed(_ outputs: [String]) throws -> [File] {
    var paths = try options.series.map(contents) ?? options.checkpoints
    if order == .natural { paths.sort(by: NaturalOrder.precedes) }
    guard let folder = options.series else { return paths.map { File(path: $0) } }
    let targets = Set(outputs.compactMap(FileIdentity.init))
    var files: [File] = []
    for path in paths {
      if let identity = FileIdentity(path), targets.contains(identity) {
        leaveOut(path, "it is an output of this run")
        continue
      }
      let source = try open(path)
      if let reason = source.reasonToLeaveOut {
        leaveOut(path, reason)
      } else {
        files.append(File(path: path, source: source))
      }
    }
    if !options.allowDuplicates { files = try withoutCopies(files) }
    if files.isEmpty {
      throw Failure(
        .noInput,
        "\(escaped(folder)): no checkpoint is left; to average outputs of these tools, name the files")
    }
    return files
  }

  /// One of several equal checkpoints stays: the one with a number in its name rather than `last` or `model_best`.
  private func withoutCopies(_ files: [File]) throws -> [File] {
    var check = DuplicateCheck()
    var isLeftOut = [Bool](repeating: false, count: files.count)
    let order = files.indices.sorted {
      (Self.vagueness(files[$0].path), $0) < (Self.vagueness(files[$1].path), $1)
    }
    for index in order {
      guard let earlier = try check.earlier(equalTo: files[index].source!, place: index) else { continue }
      isLeftOut[index] = true
      leaveOut(files[index].path, "a copy of \(escaped(files[earlier].path))")
    }
    return files.indices.filter { !isLeftOut[$0] }.map { files[$0] }
  }

  /// Penalty for a name that does not say which checkpoint of a run it is.
  private static func vagueness(_ path: String) -> Int {
    let name = lastPathComponent(path)
    let words = name.lowercased().utf8.split { !(UInt8(ascii: "a")...UInt8(ascii: "z")).contains($0) }
    let isAlias = words.contains {
      ["last", "latest", "best", "final", "current"].contains(String(Substring($0)))
    }
    let hasNumber = name.utf8.contains { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
    return (isAlias ? 2 : 0) + (hasNumber ? 0 : 1)
  }

  private func leaveOut(_ path: String, _ reason: String) {
    console.notice("\(escaped(path)): left out: \(reason)")
  }

  /// Checkpoint files of a folder, told by their extension as other programs do, and folders that are checkpoints; hidden
  /// ones do not count.
  private func contents(_ folder: String) throws -> [String] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw Failure(.noInput, "\(escaped(folder)): cannot be read as a folder")
    }
    let extensions = ["safetensors", "st", "pt", "pth", "ckpt", "bin", "tar"]
    func path(_ name: String) -> String { folder.ends(in: "/") ? folder + name : "\(folder)/\(name)" }
    // Folders are told by what is in them: large runs write one per step.
    let found = names.filter { name in
      name.utf8.first != UInt8(ascii: ".")
        && (isFolder(path(name))
          ? isCheckpointFolder(path(name))
          : extensions.contains { name.utf8.suffix($0.utf8.count + 1).elementsEqual(".\($0)".utf8) })
    }
    if found.isEmpty {
      throw Failure(.noInput, "\(escaped(folder)): no checkpoints (\(extensions.joined(separator: ", ")))")
    }
    let paths = found.map(path)
    if let stream = paths.first(where: isStream) {
      throw Failure(
        .badData,
        "\(escaped(stream)): a FIFO or device, which --series does not read; name the files instead"
      )
    }
    return paths
  }

  /// The scores of the checkpoints: those of `--metrics`, or those that training has stored in the files.
  private func scores(of files: [File]) throws -> [Double] {
    guard let path = options.metrics else {
      let key = options.metric ?? "metric"
      return try files.map { file in
        if isStream(file.path) {
          throw Failure(
            .usage, "\(escaped(file.path)): the metric of a stream cannot be read in advance; give --metrics")
        }
        guard let value = try storedNumber(key, in: file.path, temporaryFolder: temporaryFolder) else {
          throw Failure(
            .badData,
            "\(escaped(file.path)): no number under \"\(escaped(key))\"; --metrics reads scores from a file")
        }
        return value
      }
    }
    do {
      let table = try MetricsTable(parsing: try readWhole(path), key: options.metric)
      return try files.map { try table.value(for: $0.path) }
    } catch let fault as MetricsTable.Fault {
      let advice = if case .severalValues = fault { "; choose one with --metric" } else { "" }
      throw Failure(.badData, "\(escaped(Location(argument: path).inputLabel)): \(fault)\(advice)")
    }
  }
}

extension CheckpointSource {
  /// Why a file of a folder is no checkpoint of a run.
  fileprivate var reasonToLeaveOut: String? {
    if AveragingState.isState(self) { return "it holds the sums of an average" }
    if MetadataKey.marksOfIntermediateResults.contains(where: { metadata[$0] != nil }) {
      return "it holds intermediate results of a tool"
    }
    // A converted checkpoint is still that of the run.
    guard let tool = Provenance.tools(in: metadata).last(where: { $0 != "ckpt-convert" }) else { return nil }
    return "an output of \(escaped(tool))"
  }
}

/// Identity that all names of one file share.
private struct FileIdentity: Hashable {
  let device: UInt64
  let inode: UInt64

  /// - Returns: nil for a file that does not exist.
  init?(_ path: String) {
    var status = stat()
    guard stat(path, &status) == 0 else { return nil }
    device = UInt64(status.st_dev)
    inode = UInt64(status.st_ino)
  }
}

package func isStandardInput(_ argument: String) -> Bool {
  ["-", "/dev/stdin", "/dev/fd/0", "/proc/self/fd/0"].contains(argument)
}

private func isFolder(_ path: String) -> Bool {
  var status = stat()
  return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
}

/// True if an argument is neither a file nor a folder, so that its name says nothing and it can be read only
/// once.
package func isStream(_ argument: String) -> Bool {
  var status = stat()
  if isStandardInput(argument) { return true }
  guard stat(argument, &status) == 0 else { return false }
  let kind = status.st_mode & S_IFMT
  return kind != S_IFREG && kind != S_IFDIR
}

/// Text from outside as a message shows it.
package func escaped(_ text: String) -> String { TensorName(text).escaped }

/// All bytes of a file, a FIFO or standard input.
private func readWhole(_ argument: String) throws -> [UInt8] {
  let file = try InputFile.open(Location(argument: argument), temporaryFolder: temporaryFolder)
  guard file.length <= 1 << 28 else {
    throw Failure(.badData, "\(escaped(file.label)): too large for a table of scores")
  }
  return try file.bytes(at: 0, count: file.length)
}
