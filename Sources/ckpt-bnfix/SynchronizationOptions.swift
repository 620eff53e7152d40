import ArgumentParser
import CommandSupport

/// Whose statistics the layers normalise with while the images pass.
struct SynchronizationOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "Each layer normalises with its batch's statistics (batch) or with all images' (layer), which makes batch size and order irrelevant.",
      valueName: "batch|layer"))
  var sync: Synchronization = .batch

  @Option(
    name: .long,
    help: ArgumentHelp(
      "With --sync layer: activations to keep in memory; the rest goes to a scratch file in TMPDIR.",
      valueName: "size"))
  var memory = ByteSize(bytes: 4 << 30)

  enum Synchronization: String, ExpressibleByArgument, CaseIterable { case batch, layer }
}
