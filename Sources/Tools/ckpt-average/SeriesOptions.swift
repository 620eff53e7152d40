import ArgumentParser
import Averaging
import Command
import FoundationEssentials

/// Which checkpoints, in which order.
struct SeriesOptions: ParsableArguments {
  @Argument(help: "Checkpoints to average, '-' for standard input.", completion: .file())
  var checkpoints: [String] = []

  @Option(
    name: .long, help: ArgumentHelp("Average the checkpoints in this folder.", valueName: "dir"),
    completion: .directory)
  var series: String?

  @Option(name: .long, help: "Order of the series: by name with epoch-9 before epoch-10, or as given.")
  var order: SeriesOrder = .natural

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Only the last checkpoints of the order; several for several outputs.", valueName: "n,n…"))
  var last: NumberList?

  @Option(name: .long, help: ArgumentHelp("Only the best checkpoints, by --metrics.", valueName: "n"))
  var best: Int?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Scores of the checkpoints: lines of name and value with a tab, or JSON.", valueName: "file"),
    completion: .file())
  var metrics: String?

  @Option(
    name: .long, help: ArgumentHelp("Which value of --metrics, where it has several.", valueName: "name"))
  var metric: String?

  @Option(name: .long, help: ArgumentHelp("Only checkpoints from this training step on.", valueName: "step"))
  var from: Double?

  @Option(name: .long, help: ArgumentHelp("Only checkpoints up to this training step.", valueName: "step"))
  var until: Double?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Training steps of the checkpoints, or 'names' to read them there.", valueName: "s,s…|names"))
  var steps: StepList?

  @Flag(name: .long, help: "Count a checkpoint that is given twice, also as a copy, twice.")
  var allowDuplicates = false

  func validate() throws {
    if series != nil && !checkpoints.isEmpty {
      throw ValidationError("--series names a folder of checkpoints: give no others beside it")
    }
    if let last, !last.values.allSatisfy({ $0 >= 1 && $0 == $0.rounded() && $0 < 1e9 }) {
      throw ValidationError("--last takes whole numbers from 1")
    }
    if (best == nil) != (metrics == nil) { throw ValidationError("--best and --metrics need each other") }
    if let best, best < 1 { throw ValidationError("--best takes a number from 1") }
  }

  /// Whether there is anything to read.
  var isGiven: Bool { !checkpoints.isEmpty || series != nil }

  /// A checkpoint of the series and its training step, where one is needed.
  typealias File = (path: String, step: Double?)

  /// The selected checkpoints in order.
  ///
  /// - Parameters:
  ///   - needsSteps: Whether the method works on training steps.
  ///   - last: The longest window, for which the others are cut off.
  ///   - mode: Which scores are the best.
  func files(needsSteps: Bool, last: Int?, mode: GreedySoup.Mode) throws -> [File] {
    var paths = try series.map(Self.contents) ?? checkpoints
    if order == .natural { paths.sort(by: NaturalOrder.precedes) }
    var files: [File] = paths.map { ($0, nil) }
    if case .given(let values)? = steps {
      guard values.count == paths.count else {
        throw Failure(.usage, "--steps has \(values.count) values for \(paths.count) checkpoints")
      }
      files = zip(paths, values).map { ($0, $1) }
    } else if needsSteps || steps != nil || from != nil || until != nil {
      files = try paths.map { path in
        guard let step = StepNumber.parse(path) else { throw AveragingError.noStep(file: path) }
        return (path, step)
      }
    }
    if from != nil || until != nil {
      files = files.filter { $0.step! >= from ?? -.infinity && $0.step! <= until ?? .infinity }
      if files.isEmpty { throw Failure(.badData, "no checkpoint has a step from --from to --until") }
    }
    if let best, let metrics { files = try Self.best(best, of: files, metrics, metric, mode) }
    if let last {
      guard last <= files.count else {
        throw Failure(.usage, "--last \(last): there are only \(files.count) checkpoints")
      }
      files = files.suffix(last)
    }
    return needsSteps || steps != nil ? files : files.map { ($0.path, nil) }
  }

  private static func best(
    _ count: Int, of files: [File], _ path: String, _ metric: String?, _ mode: GreedySoup.Mode
  ) throws -> [File] {
    guard let data = FileManager.default.contents(atPath: path) else {
      throw Failure(.noInput, "\(path): cannot be read")
    }
    do {
      let table = try MetricsTable(parsing: Array(data), key: metric)
      return try MetricsTable.best(count, of: try files.map { try table.value(for: $0.path) }, mode: mode).map
      {
        files[$0]
      }
    } catch let fault as MetricsTable.Fault {
      throw Failure(.badData, "\(path): \(fault)")
    }
  }

  /// Checkpoint files of a folder, told by their extension as other programs do; hidden files do not count.
  private static func contents(_ folder: String) throws -> [String] {
    let names: [String]
    do {
      names = try FileManager.default.contentsOfDirectory(atPath: folder)
    } catch {
      throw Failure(.noInput, "\(folder): cannot be read as a folder")
    }
    let extensions = ["safetensors", "pt", "pth", "ckpt", "bin", "tar"]
    let found = names.filter { name in
      !name.hasPrefix(".") && extensions.contains { name.hasSuffix(".\($0)") }
    }
    if found.isEmpty {
      throw Failure(.noInput, "\(folder): no checkpoints (\(extensions.joined(separator: ", ")))")
    }
    return found.map { folder.hasSuffix("/") ? folder + $0 : "\(folder)/\($0)" }
  }
}

/// `--order`.
enum SeriesOrder: String, ExpressibleByArgument, CaseIterable {
  case natural, given
}

/// `--steps`.
enum StepList: ExpressibleByArgument {
  case names
  case given([Double])

  init?(argument: String) {
    if argument == "names" {
      self = .names
    } else {
      guard let list = NumberList(argument: argument) else { return nil }
      self = .given(list.values)
    }
  }
}
