import ArgumentParser

/// The images to train and to measure on.
struct SampleOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Labeled images to train on.", valueName: "dataset"),
    completion: .directory)
  var data: String

  @Option(
    help: ArgumentHelp("Labeled images to measure on.", valueName: "dataset"),
    completion: .directory)
  var val: String?
}
