import ArgumentParser

/// The images to measure.
struct ImageOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Images to use.", valueName: "dataset"), completion: .directory)
  var data: String?
}
