import NetworkGraphs

/// One pass over the data: a node fused with the BatchNorm, sum and activation that follow it directly.
struct Step: Sendable {
  /// Remaining operations on every element of the result: y = activation(batchNorm(x) + residual).
  struct Epilogue: Sendable {
    /// Index into the network's BatchNorms.
    var batchNorm: Int?
    /// Node whose result is added.
    var residual: Int?
    var activation = Activation.identity
  }

  let name: String
  let operation: Operation
  /// The node of `operation`.
  let node: Int
  /// Nodes whose results are read, except the residual.
  let inputs: [Int]
  var epilogue = Epilogue()
  /// The last node that the step computes; its result is the step's.
  var output: Int

  /// All nodes whose results are read.
  var reads: [Int] { inputs + (epilogue.residual.map { [$0] } ?? []) }
}
