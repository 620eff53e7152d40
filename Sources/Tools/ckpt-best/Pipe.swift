import Averaging
import Checkpoint
import Command
import Evaluation
import FoundationEssentials
import ImageData
import ModelSearch
import NetworkCommand
import Platform
import ResolutionSweep
import SeriesCommand

/// The single tools that make the same file as a search: equal bytes but for the history.
struct Pipe {
  /// The words of each command; every command reads what the one before it writes.
  let commands: [[String]]

  /// - Parameters:
  ///   - entrant: Entrant that the file is of.
  ///   - job: The search.
  init(_ entrant: Entrant, job: SearchJob) {
    let command = job.command
    let arch = command.source.arch == "auto" ? [] : ["--arch", command.source.arch]
    var commands = [Self.average(entrant.candidate, job)]
    let size = Self.size(entrant.preprocessing, command)
    if entrant.isRecalibrated, let train = command.source.train {
      commands.append(
        [
          "ckpt-bnfix", "--data", train, "--num-images", "\(job.statisticsSample)", "--seed",
          "\(command.search.seed)",
        ]
          + size + Self.images(command.images, isLabelled: false) + arch)
    } else if entrant.preprocessing != job.stored {
      // Nothing else writes a size down; it adds the accuracy on these images.
      commands.append(
        ["ckpt-sweep", "--data", command.source.val] + size + Self.images(command.images, isLabelled: true)
          + arch)
    }
    if let tuning = entrant.tuning, let train = command.source.train {
      commands.append(
        [
          "ckpt-fixres", "--data", train, "--train", tuning.layers.rawValue, "--lr", "\(tuning.learningRate)",
          "--epochs", "\(tuning.epochs)", "--seed", "\(command.search.seed)",
        ] + Self.images(command.images, isLabelled: true) + Self.arithmetic(command.arithmetic) + arch)
    }
    if command.compression.compress { commands[commands.count - 1].append("--compress") }
    commands[commands.count - 1] += ["-o", command.results.output ?? "best.safetensors"]
    self.commands = commands
  }

  /// The commands for a shell, one on each line.
  var text: String {
    commands.map { $0.map(shellWord).joined(separator: " ") }.joined(separator: " |\n  ")
  }

  private static func average(_ candidate: Candidate, _ job: SearchJob) -> [String] {
    let members = candidate.members(of: job.paths.count).map { job.paths[$0] }
    let method: [String] =
      switch candidate {
      case .checkpoint, .mean, .soup: []
      case .movingAverage(let halfLife):
        ["--method", "ema", "--half-life", Int(exactly: halfLife).map(String.init) ?? "\(halfLife)"]
      case .schedule(let curve, _): ["--method", "schedule", "--schedule", curve.rawValue]
      }
    let decoding = job.command.source.decoding
    let key = decoding.key.map { ["--key", $0] } ?? []
    let base = decoding.base.map { ["--base", $0] } ?? []
    return ["ckpt-average"] + method + ["--order", "given"] + key + base + members
  }

  private static func size(_ preprocessing: Preprocessing, _ command: Best) -> [String] {
    var words = [
      "--resize", "\(preprocessing.resize)", "--crop", "\(preprocessing.crop)", "--interpolation",
      preprocessing.interpolation.rawValue,
    ]
    if preprocessing.mode != .shorterSide { words += ["--resize-mode", preprocessing.mode.rawValue] }
    if command.normalisation.isGiven {
      func list(_ values: [Float]) -> String { values.map { "\($0)" }.joined(separator: ",") }
      words += ["--mean", list(preprocessing.mean), "--std", list(preprocessing.std)]
    }
    return words
  }

  /// Options of reading the images, those of their labels only where a tool looks at these.
  private static func images(_ options: DataOptions, isLabelled: Bool) -> [String] {
    var words: [String] = []
    if let limit = options.limit { words += ["--limit", "\(limit)"] }
    if let sample = options.sample { words += ["--sample", "\(sample)"] }
    if options.skipBad > 0 { words += ["--skip-bad", "\(options.skipBad)"] }
    if isLabelled, let map = options.classMap { words += ["--class-map", map] }
    if isLabelled, let order = options.classOrder { words += ["--class-order", order.rawValue] }
    if let key = options.labelKey { words += ["--label-key", key] }
    if options.exif { words.append("--exif") }
    if options.fullDepth { words.append("--full-depth") }
    if options.maxPixels != RGBImage.maximumPixelCount { words += ["--max-pixels", "\(options.maxPixels)"] }
    return words
  }

  private static func arithmetic(_ options: ArithmeticOptions) -> [String] {
    (options.exact ? ["--exact"] : [])
      + (options.precision == .float32 ? [] : ["--compute", options.precision.rawValue])
  }
}

extension SearchJob {
  /// The history's entry: everything that the tensors depend on, and what the choice rests on.
  func provenance(of result: SearchResult) throws -> Provenance {
    let chosen = result.chosen
    let combination = try chosen.candidate.plan(series, timeline).combination
    func name(_ path: String) -> JSON { .string(URL(fileURLWithPath: path).lastPathComponent) }
    var options: [(String, JSON)] = [("average", .string(chosen.candidate.key))]
    if chosen.isRecalibrated, let train = command.source.train {
      options += [("train", name(train)), ("bn_images", JSON(result.plan.statisticsImages))]
    }
    if let tuning = chosen.tuning {
      options += [
        ("tune", .string(tuning.layers.rawValue)), ("lr", JSON(tuning.learningRate)),
        ("epochs", JSON(tuning.epochs)),
      ]
    }
    options += chosen.preprocessing.history() + command.images.history() + command.arithmetic.history
    options += [
      ("val", name(command.source.val)), ("select", .string(result.plan.method.name)),
      ("entrants", JSON(result.rows.count)), ("answer", .string(result.answer.rawValue)),
      ("scores", .array(result.scores.map(\.json))), ("space", settings.space.json),
      ("leaders", JSON(settings.leaders)), ("finalists", JSON(settings.finalists)),
      ("confidence", JSON(settings.level)), ("seed", .number("\(settings.seed)")),
    ]
    if let budget = settings.budget { options.append(("budget", .string(budget.description))) }
    var weights: [Double] = []
    if case .linear(let linear) = combination { weights = linear.weights }
    let inputs = try combination.contributors.map { index -> JSON in
      let member = series.members[index]
      var entry: [(String, JSON)] = [
        ("name", .string(member.name)), ("size", JSON(member.byteCount)),
        ("crc32", .string(try member.digest())),
      ]
      if weights.indices.contains(index) { entry.append(("weight", .number("\(weights[index])"))) }
      return .object(entry)
    }
    return Provenance(tool: Best.toolName, options: options, inputs: inputs)
  }
}
