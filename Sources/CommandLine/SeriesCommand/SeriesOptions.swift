import ArgumentParser
import Averaging
import Command

/// Selection and order of the checkpoints.
package struct SeriesOptions: ParsableArguments {
  @Argument(help: "Checkpoints to average, '-' for standard input.", completion: .file())
  package var checkpoints: [String] = []

  @Option(
    help: ArgumentHelp("Folder of checkpoints to average.", valueName: "dir"),
    completion: .directory)
  package var series: String?

  @Option(
    help:
      "Order of the series: natural (epoch-9 before epoch-10) or as given (default: natural; given for streams and lists with one value per file)."
  )
  package var order: SeriesOrder?

  @Option(
    help: ArgumentHelp(
      "Number of last checkpoints to average; several values give several outputs.",
      valueName: "n,n…"))
  package var last: NumberList?

  @Option(
    help: ArgumentHelp(
      "Number of best checkpoints to average, by --metrics or the metric in the files.", valueName: "n"))
  package var best: Int?

  @Option(
    help: ArgumentHelp(
      "Scores of the checkpoints: lines with tabs or commas, such as timm's summary.csv, or JSON.",
      valueName: "file"),
    completion: .file())
  package var metrics: String?

  @Option(
    help: ArgumentHelp(
      "Column of --metrics, or key in the files (default: metric).",
      valueName: "name")
  )
  package var metric: String?

  @Option(help: ArgumentHelp("First training step of the checkpoints to average.", valueName: "step"))
  package var from: Double?

  @Option(help: ArgumentHelp("Last training step of the checkpoints to average.", valueName: "step"))
  package var until: Double?

  @Option(
    help: ArgumentHelp(
      "Training steps of the checkpoints, or 'names' to take them from the file names.",
      valueName: "s,s…|names"))
  package var steps: StepList?

  @Flag(help: "Count duplicate checkpoints, including copies, as often as they are given.")
  package var allowDuplicates = false

  package init() {}

  /// The whole of a series, without any of the other options.
  package init(checkpoints: [String], series: String?, order: SeriesOrder?) {
    // Assigned to `self` here, they would be the defaults of options that were never parsed.
    var options = SeriesOptions()
    options.checkpoints = checkpoints
    options.series = series
    options.order = order
    (options.last, options.best, options.metrics, options.metric) = (nil, nil, nil, nil)
    (options.from, options.until, options.steps) = (nil, nil, nil)
    options.allowDuplicates = false
    self = options
  }

  package func validate() throws {
    if series != nil && !checkpoints.isEmpty {
      throw ValidationError(
        "--series names a folder of checkpoints; it cannot be combined with checkpoint arguments")
    }
    if let last, !last.values.allSatisfy({ $0 >= 1 && $0 == $0.rounded() && $0 < 1e9 }) {
      throw ValidationError("--last takes whole numbers from 1")
    }
    if series != nil && order == .given {
      throw ValidationError(
        "--order given: a folder has no order of its own; give its files instead of --series")
    }
    let readers = (checkpoints + [metrics].compactMap(\.self)).filter(isStandardInput)
    if readers.count > 1 { throw ValidationError("standard input can be read only once") }
    if best == nil && (metrics != nil || metric != nil) {
      throw ValidationError("--metrics and --metric choose among the checkpoints: give --best with a number")
    }
    try OptionBounds.check(["--best": best])
  }

  /// True if there is anything to read.
  package var isGiven: Bool { !checkpoints.isEmpty || series != nil }

  /// True if an argument says something of every checkpoint, in the order given.
  private var hasListPerFile: Bool { if case .given? = steps { true } else { false } }

  /// The order of the checkpoints.
  ///
  /// A stream has no meaningful name, and a list with a value for each file means the order in which the
  /// files are given. A folder has no order of its own.
  ///
  /// - Parameter hasListPerFile: Whether the method has such a list.
  package func effectiveOrder(hasListPerFile: Bool) -> SeriesOrder {
    if let order { return order }
    if series != nil { return .natural }
    return hasListPerFile || self.hasListPerFile || checkpoints.contains(where: isStream) ? .given : .natural
  }
}

/// `--order`.
package enum SeriesOrder: String, ExpressibleByArgument, CaseIterable, Sendable {
  case natural, given
}

/// `--steps`.
package enum StepList: ExpressibleByArgument, Sendable {
  case names
  case given([Double])

  package init?(argument: String) {
    if argument == "names" {
      self = .names
    } else {
      guard let list = NumberList(argument: argument) else { return nil }
      self = .given(list.values)
    }
  }
}

/// Finite numbers with commas between them.
package struct NumberList: ExpressibleByArgument, Sendable {
  package let values: [Double]

  package init(values: [Double]) { self.values = values }

  package init?(argument: String) {
    let numbers = argument.split(separator: ",", omittingEmptySubsequences: false).map { Double($0) }
    guard numbers.allSatisfy({ $0?.isFinite ?? false }) else { return nil }
    values = numbers.map { $0! }
  }
}
