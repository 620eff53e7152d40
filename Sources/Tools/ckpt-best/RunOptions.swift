import ArgumentParser
import Averaging
import Checkpoint
import Command
import ImageData
import ModelSearch
import NetworkCommand
import Platform
import SeriesCommand

/// The run and the images.
struct RunOptions: ParsableArguments {
  @Argument(help: "Checkpoints of the run.", completion: .file())
  var checkpoints: [String] = []

  @Option(
    help: ArgumentHelp("Folder of the checkpoints of the run.", valueName: "dir"), completion: .directory)
  var series: String?

  @Option(help: "Order of the checkpoints: natural (epoch-9 before epoch-10) or as given.")
  var order: SeriesOrder = .natural

  @Option(
    help: ArgumentHelp(
      "Network architecture, if names and shapes do not determine it, or an ONNX file that describes it.",
      valueName: "auto|name|file.onnx"),
    completion: .file(extensions: ["onnx"]))
  var arch = "auto"

  @OptionGroup var decoding: InputOptions

  @Option(
    help: ArgumentHelp(
      "Training images: for BatchNorm statistics, and with labels for --tune.", valueName: "dataset"),
    completion: .directory)
  var train: String?

  @Option(
    help: ArgumentHelp("Labeled images that choose and, unless --test does, score.", valueName: "dataset"),
    completion: .directory)
  var val: String

  @Option(
    help: ArgumentHelp("Labeled images on which the choice is scored once.", valueName: "dataset"),
    completion: .directory)
  var test: String?

  func validate() throws {
    if series != nil && !checkpoints.isEmpty {
      throw ValidationError(
        "--series names a folder of checkpoints; it cannot be combined with checkpoint arguments")
    }
    if series == nil && checkpoints.isEmpty {
      throw ValidationError("give checkpoints, or --series with a folder of them")
    }
    if series != nil && order == .given {
      throw ValidationError(
        "--order given: a folder has no order of its own; give its files instead of --series")
    }
    if checkpoints.contains(where: isStandardInput) {
      throw ValidationError("checkpoints are read more than once, which standard input cannot be")
    }
    try requireOneStandardInput([train, val, test])
  }

  /// The checkpoints in order, open.
  ///
  /// - Parameter outputs: Files that are written, which are no part of a folder's series.
  func open(outputs: [String], threads: Int, console: Console) throws -> [(
    path: String, source: any CheckpointSource
  )] {
    if let stream = checkpoints.first(where: isStream) {
      throw Failure(
        .usage, "\(escaped(stream)): a FIFO or device, but checkpoints are read more than once; name files")
    }
    let opening = try decoding.openOptions(threads: threads)
    let selection = SeriesSelection(
      options: SeriesOptions(checkpoints: checkpoints, series: series, order: order), order: order,
      open: { try openCheckpoint(Location(argument: $0), options: opening) }, console: console)
    return try selection.files(needsSteps: false, last: nil, mode: .max, outputs: outputs).map {
      ($0.path, try $0.source ?? openCheckpoint(.path($0.path), options: opening))
    }
  }
}

/// The averages and sizes that are tried.
struct SpaceOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Sides of the center crop to try: 224, 224,256 or 224:320:32.", valueName: "sizes"))
  var sizes: SizeList?

  @Option(
    help: ArgumentHelp(
      "JSON file with the averages to try: singles, means, half_lives, schedules, schedule_windows, soup, crops.",
      valueName: "file"),
    completion: .file())
  var space: String?

  @Option(
    help: ArgumentHelp("Number of last checkpoints that take part by themselves.", valueName: "n"))
  var singles: Int?

  @Option(help: ArgumentHelp("Numbers of last checkpoints to take the mean of.", valueName: "n,n…"))
  var means: NumberList?

  @Option(help: ArgumentHelp("Half-lives of moving averages, in checkpoints.", valueName: "h,h…"))
  var halfLives: NumberList?

  @Option(
    help: ArgumentHelp(
      "Learning-rate decays to emulate: cosine, linear, 1-sqrt, or none.", valueName: "name,name…"))
  var schedules: String?

  @Flag(inversion: .prefixedNo, help: "Build a greedy soup (default: yes, except with kfold).")
  var soup: Bool?

  /// The space of a run.
  func make(checkpointCount count: Int) throws -> SearchSpace {
    var space = SearchSpace(checkpointCount: count)
    if let path = self.space {
      let file = try InputFile.open(Location(argument: path), temporaryFolder: temporaryFolder)
      guard file.length <= 1 << 20 else {
        throw Failure(.badData, "\(escaped(path)): too large for a description of averages")
      }
      let json: JSON
      do {
        json = try JSON.parse(try file.bytes(at: 0, count: file.length))
      } catch let error as JSONError {
        throw Failure(.badData, "\(escaped(path)): \(error)")
      }
      try space.apply(json, from: path)
    }
    func integers(_ option: String, _ list: NumberList) throws -> JSON {
      .array(
        try list.values.map { value in
          guard let number = Int(exactly: value), (1...count).contains(number) else {
            throw Failure(
              .usage, "\(option) takes numbers of checkpoints from 1 to \(count), the length of the run")
          }
          return JSON(number)
        })
    }
    var given: [(String, JSON)] = []
    if let singles {
      guard (0...count).contains(singles) else {
        throw Failure(.usage, "--singles takes a number from 0 to \(count), the length of the run")
      }
      given.append(("singles", JSON(singles)))
    }
    if let means { given.append(("means", try integers("--means", means))) }
    if let halfLives {
      guard halfLives.values.allSatisfy({ $0 > 0 && $0 < 1e6 }) else {
        throw Failure(.usage, "--half-lives takes numbers above 0")
      }
      given.append(("half_lives", .array(halfLives.values.map { JSON($0) })))
    }
    if let schedules {
      let names = schedules == "none" ? [] : schedules.split(separator: ",", omittingEmptySubsequences: false)
      guard names.allSatisfy({ MergingSchedule.Curve(rawValue: String($0)) != nil }) else {
        throw Failure(.usage, "--schedules takes some of cosine, linear and 1-sqrt, or none")
      }
      given.append(("schedules", .array(names.map { .string(String($0)) })))
    }
    if let soup { given.append(("soup", .bool(soup))) }
    if let sizes { given.append(("crops", .array(sizes.sizes.map { JSON($0) }))) }
    try space.apply(.object(given), from: "options")
    return space
  }
}
