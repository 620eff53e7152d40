import ArgumentParser

/// The images to train and to measure on.
struct SampleOptions: ParsableArguments {
  @Option(
    name: .long, help: ArgumentHelp("Labelled images to train on.", valueName: "dataset"),
    completion: .directory)
  var data: String

  @Option(
    name: .long, help: ArgumentHelp("Labelled images to measure on.", valueName: "dataset"),
    completion: .directory)
  var val: String?
}
