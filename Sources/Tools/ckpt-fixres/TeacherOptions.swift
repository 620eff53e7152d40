import ArgumentParser
import Checkpoint
import Command
import FineTuning
import ImageData
import NetworkCommand
import NetworkGraphs
import Platform

/// Knowledge distillation.
struct TeacherOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Teacher for distillation: a checkpoint, or a file with a tensor \"logits\" [images, classes].",
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
  ) throws -> Teacher? {
    guard let teacher else { return nil }
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
      return Teacher(outputs: .stored(try value.floats()), digest: try contentDigest(of: source))
    }
    let network = try LoadedModel(
      source, architecture: nil, pool: pool, compute: arithmetic.compute, options: options
    ).network
    guard network.classCount == classes else {
      throw Failure(
        .badData, "\(teacher): expected a teacher of \(classes) classes, found \(network.classCount)")
    }
    if let names, let own = ClassNames(of: source, classCount: classes, console: console) {
      try names.check(own, console: console)
    }
    let view =
      try Preprocessing(metadata: { source.metadata[$0] }, source: teacher) ?? preprocessing
    return Teacher(outputs: .network(network, view), digest: try contentDigest(of: source))
  }

  func history(_ teacher: Teacher?) -> [(String, JSON)] {
    guard let teacher else { return [] }
    return [
      ("teacher", .string(teacher.digest)), ("temperature", JSON(temperature)),
      ("distill_weight", JSON(distillWeight)),
    ]
  }
}
