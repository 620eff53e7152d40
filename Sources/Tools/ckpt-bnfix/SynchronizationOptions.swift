import ArgumentParser
import Checkpoint
import Command
import NetworkExecution

/// Extent of the statistics that the layers normalize with while the images pass.
struct SynchronizationOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "Each layer normalises with its batch's statistics (batch) or with all images' (layer), which makes batch size and order irrelevant.",
      valueName: "extent"))
  var sync: Synchronization = .batch

  @Option(
    name: .long,
    help: ArgumentHelp(
      "With --sync layer: activations to keep in memory; the rest goes to a scratch file in TMPDIR.",
      valueName: "size"))
  var memory = ByteSize(bytes: 4 << 30)

  @Option(
    name: .long,
    help: ArgumentHelp(
      "How activations are stored there; f16 takes half the room and rounds them.", valueName: "type"))
  var scratchDtype = ScratchElement.f32

  enum Synchronization: String, ExpressibleByArgument, CaseIterable { case batch, layer }

  /// With f16 the memory decides what is rounded.
  func history() -> [(String, JSON)] {
    guard sync == .layer else { return [] }
    var entries: [(String, JSON)] = [("sync", .string("layer"))]
    if scratchDtype != .f32 {
      entries += [("scratch_dtype", .string(scratchDtype.rawValue)), ("memory", JSON(memory.bytes))]
    }
    return entries
  }
}

extension ScratchElement: ExpressibleByArgument {}
