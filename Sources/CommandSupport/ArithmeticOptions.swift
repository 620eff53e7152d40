import ArgumentParser
import Checkpoint
import ConvNet

/// How exactly the network computes.
package struct ArithmeticOptions: ParsableArguments {
  @Flag(
    name: .long,
    help: "Sum 3x3 convolutions product by product: slower, and the last bits are nearer to the truth.")
  package var exact = false

  package init() {}

  package var compute: ComputeOptions { ComputeOptions(sums: exact ? .direct : .largeTiles) }

  /// What the results depend on, for provenance.
  package var history: [(String, JSON)] { exact ? [("exact", .bool(true))] : [] }
}
