import ArgumentParser

/// The images to measure.
struct ImageOptions: ParsableArguments {
  @Option(name: .long, help: ArgumentHelp("Images to use.", valueName: "dataset"), completion: .directory)
  var data: String?
}
