import CKernels
import Checkpoint
import TensorMath

/// The weights of a network as the kernels read them, packed once at load.
struct Parameters: Sendable {
  /// Indexed by node; present for convolutions and fully connected layers.
  private(set) var layers: [Int: LayerWeights] = [:]
  /// Scale and shift of every BatchNorm, in the order of the graph's.
  private(set) var affines: [(weight: [Float], bias: [Float])] = []

  /// - Parameters:
  ///   - kernels: What the weights are packed for.
  ///   - exact: Whether Winograd's transforms are left out.
  init(_ graph: Graph, _ state: StateDict, kernels: ck_layer_kernels, exact: Bool) throws {
    for (index, node) in graph.nodes.enumerated() {
      switch node.operation {
      case .convolution(let convolution):
        layers[index] = try LayerWeights(convolution, state, kernels: kernels, exact: exact)
      case .linear(let linear): layers[index] = try LayerWeights(linear, state)
      case .batchNorm(let layer):
        let weight = state.contains(layer.weightKey.string) ? try state.floats(layer.weightKey) : nil
        let bias = state.contains(layer.biasKey.string) ? try state.floats(layer.biasKey) : nil
        affines.append(
          (
            weight ?? Array(repeating: 1, count: layer.channels),
            bias ?? Array(repeating: 0, count: layer.channels)
          ))
      default: break
      }
    }
  }
}

/// Weights and bias of one layer.
struct LayerWeights: Sendable {
  /// How a convolution is computed and its weights are laid out.
  enum Method {
    /// By BLAS, from `[group][ky][kx][input][output]`.
    case product
    /// By our own tiles, from panels of output channels; small groups are joined to `groups` larger ones, whose weights
    /// between different small groups are zeros.
    case tiles(groups: Int)
    /// Channel by channel, from `[ky][kx][channel]`.
    case depthwise
    /// By our own tiles on transformed inputs, from transformed panels.
    case winograd
  }

  /// A convolution's as its method has it, a fully connected layer's as `[output][y][x][input]`.
  let weight: Tensor
  let method: Method
  let bias: [Float]?

  /// Packs PyTorch's `[output][input][ky][kx]`.
  init(_ convolution: Convolution, _ state: StateDict, kernels: ck_layer_kernels, exact: Bool) throws {
    let source = try state.floats(convolution.weight)
    bias = try convolution.bias.map { try state.floats($0) }
    let groups = convolution.groups
    let outputs = convolution.outputChannels / groups
    let inputs = convolution.inputChannels / groups
    let taps = convolution.window.kernel.height * convolution.window.kernel.width
    let packed = Tensor(uninitialized: [groups, taps, inputs, outputs])
    source.withUnsafeBufferPointer { source in
      var target = packed.pointer
      for group in 0..<groups {
        for tap in 0..<taps {
          for input in 0..<inputs {
            var from = (group * outputs * inputs + input) * taps + tap
            for output in 0..<outputs {
              target[output] = source[from]
              from += inputs * taps
            }
            target += outputs
          }
        }
      }
    }
    let width = kernels.panel_width
    if inputs == 1 && outputs == 1 {
      method = .depthwise
      weight = Tensor(uninitialized: [taps, groups])
      for tap in 0..<taps {
        for group in 0..<groups { weight.pointer[tap * groups + group] = packed.pointer[group * taps + tap] }
      }
    } else if width == 0 {
      method = .product
      weight = packed
    } else if groups == 1 && !exact && convolution.suitsWinograd {
      method = .winograd
      weight = Tensor(uninitialized: [(outputs + width - 1) / width, 36, inputs, width])
      ck_winograd_pack(weight.pointer, packed.pointer, inputs, outputs, width)
    } else {
      var joined = max(1, min(groups, width / outputs))
      while groups % joined != 0 { joined -= 1 }
      let blocks = joined == 1 ? packed : Self.join(packed, by: joined)
      let (depth, count) = (taps * inputs * joined, outputs * joined)
      method = .tiles(groups: groups / joined)
      weight = Tensor(uninitialized: [groups / joined, (count + width - 1) / width, depth, width])
      for group in 0..<groups / joined {
        ck_conv_pack(
          weight.pointer + group * weight.count / (groups / joined), blocks.pointer + group * depth * count,
          depth,
          count, width)
      }
    }
  }

  /// Joins every `joined` groups of `[group][tap][input][output]` to one, with zeros between different groups.
  private static func join(_ weights: Tensor, by joined: Int) -> Tensor {
    let (groups, taps, inputs, outputs) = (
      weights.shape[0], weights.shape[1], weights.shape[2], weights.shape[3]
    )
    let result = Tensor(shape: [groups / joined, taps, joined * inputs, joined * outputs])
    var from = weights.pointer
    for group in 0..<groups {
      let (block, position) = (group / joined, group % joined)
      for tap in 0..<taps {
        for input in 0..<inputs {
          let row = (block * taps + tap) * joined * inputs + position * inputs + input
          (result.pointer + row * joined * outputs + position * outputs).update(from: from, count: outputs)
          from += outputs
        }
      }
    }
    return result
  }

  /// Packs PyTorch's `[output][input][y][x]`, the order in which it flattens a map.
  init(_ linear: Linear, _ state: StateDict) throws {
    let source = try state.floats(linear.weight)
    method = .product
    bias = try linear.bias.map { try state.floats($0) }
    let pixels = linear.height * linear.width
    guard pixels > 1 else {
      weight = Tensor(shape: [linear.outputChannels, linear.inputs], values: source)
      return
    }
    let packed = Tensor(uninitialized: [linear.outputChannels, linear.inputs])
    source.withUnsafeBufferPointer { source in
      var target = packed.pointer
      for output in 0..<linear.outputChannels {
        for pixel in 0..<pixels {
          var from = output * linear.inputs + pixel
          for input in 0..<linear.inputChannels {
            target[input] = source[from]
            from += pixels
          }
          target += linear.inputChannels
        }
      }
    }
    weight = packed
  }
}

extension Convolution {
  /// Whether the transforms of F(4x4, 3x3) cost less than they save.
  fileprivate var suitsWinograd: Bool {
    window.kernel == (3, 3) && window.stride == (1, 1) && window.dilation == (1, 1) && inputChannels >= 32
      && outputChannels >= 32
  }
}
