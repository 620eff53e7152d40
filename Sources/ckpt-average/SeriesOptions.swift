import ArgumentParser
import Averaging
import CommandSupport
import Foundation

/// Which checkpoints, in which order.
struct SeriesOptions: ParsableArguments {
  @Argument(help: "Checkpoints to average, '-' for standard input.", completion: .file())
  var checkpoints: [String] = []

  @Option(
    name: .long, help: ArgumentHelp("Average the checkpoints in this folder.", valueName: "dir"),
    completion: .directory)
  var series: String?

  @Option(name: .long, help: "Order of the series: natural (epoch-9 before epoch-10) or given.")
  var order: SeriesOrder = .natural

  @Option(name: .long, help: ArgumentHelp("Only the last checkpoints of the order (LAWA).", valueName: "n"))
  var last: Int?

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
    guard checkpoints.isEmpty != (series == nil) else {
      throw ValidationError("give checkpoints, or --series with a folder of them")
    }
    if let last, last < 1 { throw ValidationError("--last takes a number from 1") }
  }

  /// A checkpoint of the series and its training step, where one is needed.
  typealias File = (path: String, step: Double?)

  /// The selected checkpoints in order.
  ///
  /// - Parameter needsSteps: Whether the method works on training steps.
  func files(needsSteps: Bool) throws -> [File] {
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
    if let last {
      guard last <= files.count else {
        throw Failure(.usage, "--last \(last): there are only \(files.count) checkpoints")
      }
      files = files.suffix(last)
    }
    return needsSteps || steps != nil ? files : files.map { ($0.path, nil) }
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
