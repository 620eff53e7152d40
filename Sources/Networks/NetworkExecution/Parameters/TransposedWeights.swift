import NetworkGraphs
import TensorMath

extension LayerWeights {
  /// Packs PyTorch's `[input][output of a group][ky][kx]` as `[group][ky][input][kx][output]`: the products of a row of
  /// the input with one row of the kernel are then one matrix product.
  init(_ convolution: TransposedConvolution, _ state: StateDict) throws {
    let source = try state.floats(convolution.weight)
    bias = try convolution.bias.map { try state.floats($0) }
    method = .product
    let (groups, kernel) = (convolution.groups, convolution.window.kernel)
    let (inputs, outputs) = (convolution.inputChannels / groups, convolution.outputChannels / groups)
    let taps = kernel.height * kernel.width
    let packed = Tensor(uninitialized: [groups, kernel.height, inputs, kernel.width, outputs])
    source.withUnsafeBufferPointer { source in
      var target = packed.pointer
      for group in 0..<groups {
        for ky in 0..<kernel.height {
          for input in 0..<inputs {
            for kx in 0..<kernel.width {
              var from = (group * inputs + input) * outputs * taps + ky * kernel.width + kx
              for output in 0..<outputs {
                target[output] = source[from]
                from += taps
              }
              target += outputs
            }
          }
        }
      }
    }
    weight = packed
  }
}
