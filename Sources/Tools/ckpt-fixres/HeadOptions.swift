import ArgumentParser
import Checkpoint
import Command
import FineTuning

/// A new classifier, for transfer to other classes.
struct HeadOptions: ParsableArguments {
  @Option(help: ArgumentHelp("Number of classes of a new classifier.", valueName: "k"))
  var numClasses: Int?

  @Option(help: ArgumentHelp("Initialization of the new classifier.", valueName: "name"))
  var headInit = HeadInitialisation.kaiming

  func validate() throws {
    try OptionBounds.check(["--num-classes": numClasses], 1...1_000_000)
  }

  /// `start` with its classifier, or the new one.
  func apply(to start: TailParameters, seed: UInt64) -> TailParameters {
    numClasses.map { start.withNewHead(classes: $0, headInit, seed: seed) } ?? start
  }

  func history() -> [(String, JSON)] {
    numClasses.map { [("num_classes", JSON($0)), ("head_init", .string(headInit.rawValue))] } ?? []
  }

  /// The names of the new classes, in the order of the outputs.
  func record(_ names: [String]?, in metadata: inout Metadata) {
    guard numClasses != nil, let names else { return }
    metadata[MetadataKey.classes] = JSON.array(names.map { .string($0) }).encoded()
  }
}

extension HeadInitialisation: ExpressibleByArgument {}
