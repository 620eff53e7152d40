import Checkpoint

/// Combinations of layers under the names that timm gives to their parts.
extension GraphBuilder {
  /// The convolution `name.conv`, its BatchNorm `name.bn` and an activation (`ConvNormAct`). Groups, kernel and padding
  /// follow from the weight's shape.
  mutating func unit(
    _ x: Value, _ name: String, stride: Int = 1, norm: String = "bn", _ activation: Activation
  ) throws -> Value {
    try convolutionNorm(
      x, "\(name).conv", "\(name).\(norm)", stride: stride, groups: .fromShape, activation)
  }

  /// Convolution and BatchNorm of a sequence, `name.<first>` and `name.<first + 1>`, and an activation.
  mutating func pair(
    _ x: Value, _ name: String, first: Int = 0, stride: Int = 1, _ activation: Activation
  ) throws -> Value {
    try convolutionNorm(
      x, "\(name).\(first)", "\(name).\(first + 1)", stride: stride, groups: .fromShape, activation)
  }

  /// The EvoNorm `name`: x sigmoid(v x) / deviation of the group * weight + bias.
  ///
  /// - Parameter activates: False for layers without the sigmoid and, in the first form, without the division.
  mutating func evolved(
    _ x: Value, _ name: String, _ norm: EvolvedNorm, activates: Bool
  ) throws -> Value {
    var y = x
    if activates || norm.dividesAlways {
      let groups = norm.groups(of: x.channels)
      let division = GroupNorm(
        groups: groups, weight: nil, bias: nil, eps: Float(norm.eps), form: .divided)
      y = append(name, .groupNorm(division), [x], channels: x.channels)
    }
    if activates { y = multiply(y, activation(try layerScale(x, "\(name).v"), .sigmoid)) }
    return try affine(y, scale: "\(name).weight", shift: "\(name).bias")
  }

  /// The map times the gate `name`, of the kind that its tensors show: squeeze and excitation, efficient channel
  /// attention, effective squeeze and excitation, or global context; the map itself where there is none.
  ///
  /// - Parameters:
  ///   - inner: Activation between the two layers of a gate.
  ///   - outer: Activation that makes the factor.
  mutating func channelGate(
    _ x: Value, _ name: String, inner: Activation = .relu, outer: Activation = .sigmoid
  ) throws -> Value {
    if state.contains("\(name).conv_attn.weight") { return try globalContext(x, name) }
    if state.contains("\(name).bn.running_mean") {
      var factor = try convolutionNorm(globalAverage(x), "\(name).fc1", "\(name).bn", inner)
      factor = try convolution(factor, "\(name).fc2")
      return gate(x, by: activation(factor, outer))
    }
    if state.contains("\(name).fc1.weight") {
      return try squeezeExcite(x, "\(name).fc1", "\(name).fc2", inner, gate: outer)
    }
    if state.contains("\(name).conv_reduce.weight") {
      return try squeezeExcite(x, "\(name).conv_reduce", "\(name).conv_expand", inner, gate: outer)
    }
    if state.contains("\(name).fc.weight") {
      let factor = try convolution(globalAverage(x), "\(name).fc")
      return gate(x, by: activation(factor, outer))
    }
    return state.contains("\(name).conv.weight") ? try channelAttention(x, "\(name).conv") : x
  }

  /// Global context (Cao et al.: "GCNet", 2019): two layers make numbers for the channels from the mean of all pixels,
  /// weighted by a softmax of one score each. They are added to every pixel, or gate it.
  private mutating func globalContext(_ x: Value, _ name: String) throws -> Value {
    let scores = try pointwise(x, "\(name).conv_attn", outputs: 1)
    // A query of 1 leaves the scores as they are.
    let query = ones(like: globalAverage(scores))
    let context = try attention(query, scores, x, name, CrossAttention(heads: 1, scale: 1))
    var y = x
    if state.contains("\(name).mlp_scale.fc1.weight") {
      let factor = try perceptron(context, "\(name).mlp_scale", outputs: x.channels)
      y = gate(y, by: activation(factor, .sigmoid))
    }
    if state.contains("\(name).mlp_add.fc1.weight") {
      let summand = try perceptron(context, "\(name).mlp_add", outputs: x.channels)
      y = try add(y, stretched(summand, like: y), "\(name).mlp_add.fc2")
    }
    return y
  }

  /// Two layers with a LayerNorm between them, for the numbers of a global context.
  private mutating func perceptron(_ x: Value, _ name: String, outputs: Int) throws -> Value {
    let y = try norm(pointwise(x, "\(name).fc1"), "\(name).norm", eps: 1e-6)
    return try pointwise(activation(y, .relu), "\(name).fc2", outputs: outputs)
  }
}

/// The kind of norms that follow convolutions.
enum ConvolutionNorms {
  case batch
  /// GroupNorms of so many groups.
  case groups(Int)
  case evolved(EvolvedNorm)

  /// EvoNorms, where the row of a published network has settings of these, else BatchNorms.
  init(evolvedIn row: PublishedTable.Row) {
    self = EvolvedNorm(row).map { .evolved($0) } ?? .batch
  }
}

/// A normalization with an activation of its own, found by search; it takes the deviations of groups of channels over all
/// pixels.
///
/// Liu et al.: "Evolving Normalization-Activation Layers" (2020), S0 and a variant of timm's.
struct EvolvedNorm {
  /// Number of groups; nil where their width is given.
  let groups: Int?
  /// Channels of a group.
  let width: Int
  let eps: Double
  /// True if layers without an activation divide as well.
  let dividesAlways: Bool

  /// The norm of a published network; nil where it has BatchNorms.
  init?(_ row: PublishedTable.Row) {
    guard row.has("evolved-eps") else { return nil }
    eps = row.real("evolved-eps")
    groups = row.has("evolved-groups") ? row.integer("evolved-groups") : nil
    width = row.has("evolved-width") ? row.integer("evolved-width") : 1
    dividesAlways = row.has("evolved-always")
  }

  func groups(of channels: Int) -> Int { groups ?? channels / max(width, 1) }
}
