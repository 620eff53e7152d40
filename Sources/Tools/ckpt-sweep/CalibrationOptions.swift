import ArgumentParser
import Checkpoint
import Command
import Evaluation
import ImageData
import ResolutionSweep
import Statistics

/// BatchNorm statistics recomputed for every size.
struct CalibrationOptions: ParsableArguments {
  @Option(
    name: .customLong("bnfix"),
    help: ArgumentHelp(
      "Images for BatchNorm statistics, recomputed as by ckpt-bnfix under every setting, which is also measured with them.",
      valueName: "dataset"),
    completion: .directory)
  var data: String?

  @Option(
    name: .customLong("bnfix-images"),
    help: ArgumentHelp("Number of images for each set of statistics, at most.", valueName: "n"))
  var imageCount = 1024

  @Option(
    name: .customLong("bn"),
    help: ArgumentHelp(
      "BatchNorm statistics to measure with: stored, recalibrated (default: both with --bnfix).",
      valueName: "s,s"))
  var sources: NameList<NormalizationSource>?

  func validate() throws {
    try OptionBounds.check(["--bnfix-images": imageCount])
    if sources?.values.contains(.recalibrated) == true && data == nil {
      throw ValidationError("--bn recalibrated needs the images, --bnfix")
    }
    if data != nil && sources?.values.contains(.recalibrated) == false {
      throw ValidationError("--bnfix has no use when --bn leaves recalibrated out")
    }
  }

  /// The statistics to measure with.
  var measured: [NormalizationSource] {
    sources?.values ?? (data == nil ? [.stored] : NormalizationSource.allCases)
  }

  /// The images that statistics are made of, in their order: those that ckpt-bnfix takes with the same seed.
  func images(of dataset: any ImageDataset, seed: UInt64) -> [Int] {
    var generator = SeededGenerator(seed: seed)
    return Array(generator.permutation(dataset.count).prefix(imageCount))
  }
}

extension SweepPart.CalibrationRecipe {
  /// Settings for provenance and report.
  var json: JSON {
    .object([
      ("data", .string(lastComponents(dataset))), ("images", JSON(imageCount)),
      ("batch_size", JSON(Recalibrator.batchSize)),
      ("estimator", .string("pooled")), ("seed", .number("\(seed)")),
    ])
  }
}
