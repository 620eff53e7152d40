import ArgumentParser
import Checkpoint
import NetworkExecution

/// Precision of the network's arithmetic.
package struct ArithmeticOptions: ParsableArguments {
  @Flag(help: "Sum 3x3 convolutions product by product: slower, and the last bits are nearer to the truth.")
  package var exact = false

  @Option(
    name: .customLong("compute"),
    help: ArgumentHelp(
      "Element type of the products in convolutions; bf16 is several times faster and rounds to 8 bits, "
        + "and its effect on the predictions is reported.", valueName: "f32|bf16"))
  package var precision = ComputePrecision.float32

  package init() {}

  package func validate() throws {
    if exact && precision == .bfloat16 {
      throw ValidationError("--exact and --compute bf16 contradict each other")
    }
  }

  package var compute: ComputeOptions {
    ComputeOptions(sums: exact ? .direct : .largeTiles, precision: precision)
  }

  /// Settings that the results depend on, for provenance.
  package var history: [(String, JSON)] {
    (exact ? [("exact", .bool(true))] : [])
      + (precision == .float32 ? [] : [("compute", .string(precision.rawValue))])
  }
}

extension ComputePrecision: ExpressibleByArgument {}
