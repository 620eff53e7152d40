import ArgumentParser
import Averaging
import Checkpoint
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

  /// The selected checkpoints in order.
  func files(_ console: Console) throws -> [Location] {
    var paths = try series.map(Self.contents) ?? checkpoints
    if order == .natural { paths.sort(by: NaturalOrder.precedes) }
    if case .given(let values)? = steps, values.count != paths.count {
      throw Failure(.usage, "--steps has \(values.count) values for \(paths.count) checkpoints")
    }
    if from != nil || until != nil {
      let range = (from ?? -.infinity)...max(from ?? -.infinity, until ?? .infinity)
      paths = try paths.filter { range.contains(try step(of: $0, in: paths)) }
      if paths.isEmpty { throw Failure(.badData, "no checkpoint has a step from --from to --until") }
    }
    if let last {
      guard last <= paths.count else {
        throw Failure(.usage, "--last \(last): there are only \(paths.count) checkpoints")
      }
      paths = paths.suffix(last)
    }
    return paths.map { Location(argument: $0) }
  }

  /// The steps for methods that use them; nil when not asked for.
  func steps(of files: [Location]) throws -> [Double]? {
    switch steps {
    case nil: return nil
    case .names: return try files.map { try Self.step($0.label) }
    case .given(let values):
      // Selection keeps a contiguous end of the order, except by step, where the steps come from the names.
      return Array(values.suffix(files.count))
    }
  }

  private func step(of path: String, in paths: [String]) throws -> Double {
    if case .given(let values)? = steps { return values[paths.firstIndex(of: path)!] }
    return try Self.step(path)
  }

  private static func step(_ path: String) throws -> Double {
    guard let step = StepNumber.parse(path) else { throw AveragingError.noStep(file: path) }
    return step
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
      guard let values = numberList(argument) else { return nil }
      self = .given(values)
    }
  }
}

/// Finite numbers with commas between them.
func numberList(_ text: String) -> [Double]? {
  let values = text.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
  return values.allSatisfy { $0?.isFinite ?? false } ? values.map { $0! } : nil
}
