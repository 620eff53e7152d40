import ArgumentParser
import Checkpoint
import Command
import FineTuning
import ImageData
import NetworkCommand
import NetworkExecution
import NetworkGraphs
import Platform

/// Options of the loss.
struct LossOptions: ParsableArguments {
  enum LossName: String, ExpressibleByArgument, CaseIterable {
    case ce, bce, focal, dice, jaccard
    case bceDice = "bce-dice"
  }

  @Option(help: ArgumentHelp("Loss function.", valueName: "name"))
  var loss = LossName.ce

  @Option(help: ArgumentHelp("Fraction of the target spread over all classes (ce, bce).", valueName: "e"))
  var labelSmoothing = 0.0

  @Option(
    help: ArgumentHelp("One weight per class (ce, bce, focal).", valueName: "w,w…"),
    transform: parseWeights)
  var classWeights: [Double]?

  @Option(help: ArgumentHelp("Focusing exponent of the focal loss.", valueName: "x"))
  var focalGamma = 2.0

  @Option(
    help: ArgumentHelp(
      "Smoothing term of dice and jaccard; 1 outweighs classes with few images in a batch.", valueName: "s"))
  var overlapSmoothing: Double?

  @Option(
    help: ArgumentHelp(
      "Classes that dice and jaccard are averaged over: those in the batch, or all (default: present).",
      valueName: "present|all"))
  var overlapClasses: OverlapLoss.Classes?

  func validate() throws {
    try OptionBounds.check(["--label-smoothing": labelSmoothing], .shareBelowOne)
    try OptionBounds.check(["--overlap-smoothing": overlapSmoothing], .notNegative)
    if (overlapSmoothing != nil || overlapClasses != nil) && ![.dice, .jaccard, .bceDice].contains(loss) {
      throw ValidationError(
        "--overlap-smoothing and --overlap-classes go with --loss dice, jaccard or bce-dice")
    }
    try OptionBounds.check(["--focal-gamma": focalGamma], .notNegative)
    if labelSmoothing > 0 && loss != .ce && loss != .bce {
      throw ValidationError("--label-smoothing goes with --loss ce or bce")
    }
    if classWeights != nil && ![.ce, .bce, .focal].contains(loss) {
      throw ValidationError("--class-weights goes with --loss ce, bce or focal")
    }
  }

  /// The loss on the labels.
  func makeLoss(classes: Int) throws -> any ClassificationLoss {
    if let classWeights, classWeights.count != classes {
      throw Failure(
        .usage, "--class-weights: expected \(classes) numbers, one per class, found \(classWeights.count)")
    }
    func overlap(_ measure: OverlapLoss.Measure) -> OverlapLoss {
      OverlapLoss(measure, smoothing: overlapSmoothing ?? 1, classes: overlapClasses ?? .present)
    }
    return switch loss {
    case .ce: CrossEntropy(labelSmoothing: labelSmoothing, classWeights: classWeights)
    case .bce: BinaryCrossEntropy(labelSmoothing: labelSmoothing, classWeights: classWeights)
    case .focal: FocalLoss(gamma: focalGamma, classWeights: classWeights)
    case .dice: overlap(.dice)
    case .jaccard: overlap(.jaccard)
    case .bceDice: LossSum(BinaryCrossEntropy(), overlap(.dice))
    }
  }

  func history() -> [(String, JSON)] {
    var entries: [(String, JSON)] = [("loss", .string(loss.rawValue))]
    if labelSmoothing > 0 { entries.append(("label_smoothing", JSON(labelSmoothing))) }
    if let classWeights { entries.append(("class_weights", .array(classWeights.map { JSON($0) }))) }
    if let overlapSmoothing { entries.append(("overlap_smoothing", JSON(overlapSmoothing))) }
    if let overlapClasses { entries.append(("overlap_classes", .string(overlapClasses.rawValue))) }
    if loss == .focal { entries.append(("focal_gamma", JSON(focalGamma))) }
    return entries
  }
}

extension OverlapLoss.Classes: ExpressibleByArgument {}

private func parseWeights(_ argument: String) throws -> [Double] {
  try argument.split(separator: ",", omittingEmptySubsequences: false).map { field in
    guard let value = Double(field), value >= 0, value.isFinite else {
      throw ValidationError("numbers from 0 separated by commas")
    }
    return value
  }
}

/// Knowledge distillation.
struct TeacherOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Teacher for distillation: a checkpoint, or logits [images, classes] as a .npy file or the tensor \"logits\" of a file.",
      valueName: "checkpoint"),
    completion: .file())
  var teacher: String?

  @Option(help: ArgumentHelp("Softmax temperature for teacher and student.", valueName: "t"))
  var temperature = 5.0

  @Option(help: ArgumentHelp("Share of the teacher in the loss.", valueName: "a"))
  var distillWeight = 0.5

  func validate() throws {
    try OptionBounds.check(["--temperature": temperature], .positive)
    try OptionBounds.check(["--distill-weight": distillWeight], .share)
  }

  /// `hard` mixed with the teacher's part, if there is a teacher.
  func makeLoss(_ hard: any ClassificationLoss) -> any ClassificationLoss {
    guard teacher != nil else { return hard }
    return Distillation(hard: hard, temperature: temperature, weight: distillWeight)
  }

  /// Opens the teacher, if there is one, for `images` images.
  ///
  /// A network sees the images as its own metadata says, else as the student does.
  func open(
    images: Int, classes: Int, names: ClassNames?, preprocessing: Preprocessing,
    arithmetic: ArithmeticOptions, pool: ThreadPool, console: Console
  ) throws -> TeacherModel? {
    guard let teacher else { return nil }
    if teacher.ends(in: ".npy") {
      let (rows, columns, values) = try readNumPyMatrix(teacher)
      guard [rows, columns] == [images, classes] else {
        throw Failure(
          .badData, "\(teacher): expected shape \([images, classes]), found \([rows, columns])")
      }
      let checksum = values.withUnsafeBytes { crc32($0) }
      return TeacherModel(outputs: .stored(values), digest: "crc32:\(hexadecimal(checksum))")
    }
    var options = OpenOptions()
    options.temporaryFolder = temporaryFolder
    let source = try openModel(teacher, options: options)
    if source.tensors.map(\.name) == ["logits"] {
      let value = try source.value("logits")
      guard value.shape == [images, classes] else {
        throw Failure(
          .badData, "\(teacher): tensor \"logits\": expected shape \([images, classes]), found \(value.shape)"
        )
      }
      return TeacherModel(outputs: .stored(try value.floats()), digest: try contentDigest(of: source))
    }
    let model = try LoadedModel(
      source, architecture: nil, pool: pool, compute: arithmetic.compute(), options: options)
    let network = model.network
    guard network.classCount == classes else {
      throw Failure(
        .badData, "\(teacher): expected a teacher of \(classes) classes, found \(network.classCount)")
    }
    if let names, let own = ClassNames(of: source, classCount: classes, console: console) {
      try names.check(own, console: console)
    }
    let metadata = model.metadata
    let recorded = try Preprocessing(metadata: { metadata[$0] }, source: teacher, defaults: model.defaults)
    if let error = recorded?.recordedSizeError(of: teacher, isCropGiven: false, isResizeGiven: false) {
      // Without advice: no option says how a teacher sees the images.
      throw Failure(.badData, error.description)
    }
    let view = recorded ?? preprocessing
    return TeacherModel(outputs: .network(network, view), digest: try contentDigest(of: source))
  }

  func history(_ teacher: TeacherModel?) -> [(String, JSON)] {
    guard let teacher else { return [] }
    return [
      ("teacher", .string(teacher.digest)), ("temperature", JSON(temperature)),
      ("distill_weight", JSON(distillWeight)),
    ]
  }
}

/// Source of training targets besides the labels.
struct TeacherModel {
  enum Outputs {
    /// Logits of the images as they are tested, [images, classes].
    case stored([Float])
    /// A network, and how it sees the images.
    case network(Network, Preprocessing)
  }

  let outputs: Outputs
  /// Identity of its tensors.
  let digest: String

  /// Its tensors and how it sees the images.
  var summary: String {
    switch outputs {
    case .stored: digest
    case .network(_, let view): "\(digest), \(view.summary)"
    }
  }

  /// The logits on some views, [items, classes]: the teacher sees the same transforms of an image as the student.
  func logits(on views: AugmentedDataset, items: [Int], classes: Int, stage: FeatureStage) throws -> [Float] {
    switch outputs {
    case .stored(let logits):
      return items.flatMap { logits[$0 * classes..<($0 + 1) * classes] }
    case .network(let network, let view):
      var logits: [Float] = []
      let label = "teacher's outputs on \(views.name)"
      try stage.forEachBatch(of: views, items: items, as: view, label: label) { images in
        logits += try network.logits(images).values
      }
      return logits
    }
  }
}
