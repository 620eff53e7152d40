import Checkpoint
import Foundation
import TensorMath
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Every layer's gradients against central differences of its definition in float64.
@Suite struct LayerGradientTests {
  static func size(_ height: Int, _ width: Int, _ channels: Int) -> MapSize {
    MapSize(height: height, width: width, channels: channels)
  }

  private static func convolution(
    _ name: String, _ window: Window, groups: Int = 1, inputs: Int = 4, outputs: Int = 6,
    map: (Int, Int) = (5, 6)
  ) -> LayerCase {
    let convolution = Convolution(
      weight: "t0", bias: "t1", window: window, groups: groups, inputChannels: inputs, outputChannels: outputs
    )
    let geometry = window.geometry(height: map.0, width: map.1)!
    let output = size(geometry.outputHeight, geometry.outputWidth, outputs)
    return LayerCase(
      testDescription: name, inputs: [size(map.0, map.1, inputs)], output: output,
      shapes: [[outputs, inputs / groups, window.kernel.height, window.kernel.width], [outputs]],
      make: { tensors in
        if groups == inputs && inputs == outputs {
          DepthwiseGradient(convolution, weight: tensors[0], bias: tensors[1])
        } else {
          ConvolutionGradient(convolution, weight: tensors[0], bias: tensors[1])
        }
      },
      definition: { x, tensors in
        ReferenceLayers.convolution(x[0], convolution, output, weight: tensors[0], bias: tensors[1])
      })
  }

  static let convolutions = [
    convolution("1x1", Window(1)),
    convolution("1x1 of stride 2", Window(1, stride: 2)),
    convolution("1x1 of stride 2 in groups", Window(1, stride: 2), groups: 2),
    convolution("3x3", Window(3, padding: 1)),
    convolution("3x3 of stride 2", Window(3, stride: 2, padding: 1)),
    convolution("3x3 dilated", Window(3, padding: 2, dilation: 2)),
    convolution("3x3 in groups", Window(3, padding: 1), groups: 2),
    convolution("two outputs for each channel", Window(3, padding: 1), groups: 4, outputs: 8),
    convolution(
      "2x3 with uneven padding",
      Window(kernel: (2, 3), padding: .explicit(top: 0, left: 2, bottom: 1, right: 0))),
    convolution("padding as TensorFlow", Window(kernel: (3, 3), stride: (2, 2), padding: .same)),
    convolution("depthwise", Window(3, padding: 1), groups: 5, inputs: 5, outputs: 5),
    convolution("depthwise of stride 2", Window(5, stride: 2, padding: 2), groups: 5, inputs: 5, outputs: 5),
    // More channels and pixels than sums and products take at a time.
    convolution(
      "depthwise of many channels", Window(3, padding: 1), groups: 70, inputs: 70, outputs: 70, map: (5, 5)),
    convolution("1x1 of many channels", Window(1), inputs: 9, outputs: 140, map: (3, 3)),
    convolution("3x3 of many pixels", Window(3, padding: 1), inputs: 1, outputs: 2, map: (27, 26)),
  ]

  @Test(arguments: convolutions) func convolutionsHaveTheirDifferences(_ layer: LayerCase) { layer.check() }

  private static func batchNorm(_ name: String, usesBatch: Bool) -> LayerCase {
    let layer = BatchNormLayer(name: "bn", channels: 7, eps: 1e-3, momentum: 0.1, nodeIndex: 0)
    let statistics = (
      mean: (0..<7).map { 0.1 * Double($0) }, variance: (0..<7).map { 0.5 + 0.3 * Double($0) }
    )
    return LayerCase(
      testDescription: name, inputs: [size(3, 4, 7)], output: size(3, 4, 7), shapes: [[7], [7]],
      usesBatch: usesBatch,
      make: { tensors in
        BatchNormGradient(
          layer, RunningStatistics(mean: statistics.mean, variance: statistics.variance), gamma: tensors[0],
          beta: tensors[1])
      },
      definition: { x, tensors in
        ReferenceLayers.batchNorm(
          x[0], gamma: tensors[0], beta: tensors[1], eps: 1e-3, statistics: usesBatch ? nil : statistics)
      })
  }

  private static func layerNorm(_ name: String, groups: Int = 1, keepsMean: Bool = false) -> LayerCase {
    let norm = LayerNorm(weight: "t0", bias: "t1", eps: 1e-5, keepsMean: keepsMean, groups: groups)
    return LayerCase(
      testDescription: name, inputs: [size(5, 1, 8)], output: size(5, 1, 8),
      shapes: [[8 / groups], [8 / groups]],
      make: { LayerNormGradient(norm, weight: $0[0], bias: $0[1]) },
      definition: { x, tensors in
        ReferenceLayers.layerNorm(
          x[0], groups: groups, eps: Double(norm.eps), keepsMean: keepsMean, weight: tensors[0],
          bias: tensors[1])
      })
  }

  static let norms = [
    batchNorm("running statistics", usesBatch: false), batchNorm("statistics of the batch", usesBatch: true),
    layerNorm("LayerNorm"), layerNorm("LayerNorm of heads", groups: 2), layerNorm("RMSNorm", keepsMean: true),
    LayerCase(
      testDescription: "global response norm", inputs: [size(3, 2, 6)], output: size(3, 2, 6),
      shapes: [[6], [6]],
      make: {
        ResponseNormGradient(
          GlobalResponseNorm(weight: "t0", bias: "t1", eps: 1e-6), weight: $0[0], bias: $0[1])
      },
      definition: { ReferenceLayers.responseNorm($0[0], weight: $1[0], bias: $1[1], eps: 1e-6) }),
  ]

  @Test(arguments: norms) func normsHaveTheirDifferences(_ layer: LayerCase) { layer.check() }

  @Test(arguments: Activation.allCases) func activationsHaveTheirDifferences(_ activation: Activation) {
    LayerCase(
      testDescription: activation.rawValue, inputs: [Self.size(4, 5, 9)], output: Self.size(4, 5, 9),
      make: { _ in ActivationGradient(activation) },
      definition: { x, _ in x[0].mapped { value, _, _ in ReferenceLayers.activation(activation, value) } }
    ).check()
  }

  private static func linear(_ name: String, pixels: Int = 1, isTransposed: Bool = false) -> LayerCase {
    let linear = Linear(
      weight: "t0", bias: "t1", height: pixels, width: 1, inputChannels: 5, outputChannels: 3,
      isTransposed: isTransposed)
    let inputs = 5 * pixels
    return LayerCase(
      testDescription: name, inputs: [size(pixels, 1, 5)], output: size(1, 1, 3),
      shapes: [isTransposed ? [inputs, 3] : [3, inputs], [3]],
      make: { LinearGradient(linear, weight: $0[0], bias: $0[1], outputs: 3, isTransposed: isTransposed) },
      definition: { x, tensors in
        var y = ReferenceMap(x[0].images, size(1, 1, 3))
        for image in 0..<x[0].images {
          for output in 0..<3 {
            y[image, 0, 0, output] = tensors[1][output]
            for input in 0..<inputs {
              let weight = tensors[0][isTransposed ? input * 3 + output : output * inputs + input]
              y[image, 0, 0, output] += weight * x[0][image, input % pixels, 0, input / pixels]
            }
          }
        }
        return y
      })
  }

  /// A reference of pointwise arithmetic of two maps.
  private static func pointwise(
    _ name: String, _ make: @escaping @Sendable () -> any LayerGradient,
    _ body: @escaping @Sendable (Double, Double) -> Double
  ) -> LayerCase {
    LayerCase(
      testDescription: name, inputs: [size(2, 3, 5), size(2, 3, 5)], output: size(2, 3, 5),
      make: { _ in make() },
      definition: { x, _ in
        ReferenceMap(x[0].images, x[0].size, zip(x[0].values, x[1].values).map { body($0, $1) })
      })
  }

  static let products = [
    linear("classifier"), linear("flattened map", pixels: 4), linear("transposed", isTransposed: true),
    LayerCase(
      testDescription: "attention", inputs: [size(6, 1, 24)], output: size(6, 1, 8),
      make: { _ in AttentionGradient(heads: 2) },
      definition: { x, _ in ReferenceLayers.attention(x[0], heads: 2) }),
    pointwise("sum", { SumGradient(node: 0, branch: nil, rate: 0) }, +),
    pointwise("product", { ProductGradient() }, *),
    LayerCase(
      testDescription: "gate", inputs: [size(3, 4, 70), size(1, 1, 70)], output: size(3, 4, 70),
      make: { _ in GateGradient() },
      definition: { x, _ in x[0].mapped { value, image, channel in value * x[1][image, 0, 0, channel] } }),
    LayerCase(
      testDescription: "layer scale", inputs: [size(3, 2, 5)], output: size(3, 2, 5), shapes: [[5], [5]],
      make: { AffineGradient(scale: .tensor($0[0]), shift: .tensor($0[1])) },
      definition: { x, tensors in
        x[0].mapped { value, _, channel in value * tensors[0][channel] + tensors[1][channel] }
      }),
    LayerCase(
      testDescription: "one scale for all channels", inputs: [size(3, 2, 5)], output: size(3, 2, 5),
      shapes: [[1]],
      make: { AffineGradient(scale: .tensor($0[0]), shift: nil) },
      definition: { x, tensors in x[0].mapped { value, _, _ in value * tensors[0][0] } }),
  ]

  @Test(arguments: products) func productsHaveTheirDifferences(_ layer: LayerCase) { layer.check() }

  private static func rearranged(
    _ name: String, inputs: [MapSize], output: MapSize, _ make: @escaping @Sendable () -> any LayerGradient,
    _ source: @escaping @Sendable (_ pixel: Int, _ channel: Int) -> (input: Int, pixel: Int, channel: Int)
  ) -> LayerCase {
    LayerCase(
      testDescription: name, inputs: inputs, output: output, make: { _ in make() },
      definition: { x, _ in
        var y = ReferenceMap(x[0].images, output)
        for at in y.values.indices {
          let (image, rest) = (at / output.count, at % output.count)
          let place = source(rest / output.channels, rest % output.channels)
          let from = x[place.input]
          y.values[at] =
            from.values[image * from.size.count + place.pixel * from.size.channels + place.channel]
        }
        return y
      })
  }

  private static func pool(
    _ name: String, _ window: Window, _ make: @escaping @Sendable () -> any LayerGradient,
    _ reduce: @escaping @Sendable ([Double]) -> Double
  ) -> LayerCase {
    let geometry = window.geometry(height: 7, width: 6)!
    let output = size(geometry.outputHeight, geometry.outputWidth, 3)
    return LayerCase(
      testDescription: name, inputs: [size(7, 6, 3)], output: output, make: { _ in make() },
      definition: { x, _ in ReferenceLayers.pool(x[0], output, window, reduce) })
  }

  static let pools = [
    rearranged(
      "concatenation", inputs: [size(2, 2, 3), size(2, 2, 4)], output: size(2, 2, 7),
      { RearrangementGradient(concatenating: [3, 4]) }, { ($1 < 3 ? 0 : 1, $0, $1 < 3 ? $1 : $1 - 3) }),
    rearranged(
      "slice", inputs: [size(2, 2, 5)], output: size(2, 2, 2),
      { RearrangementGradient([.init(from: 2, to: 0, count: 2)]) }, { (0, $0, $1 + 2) }),
    rearranged(
      "tokens", inputs: [size(5, 1, 3)], output: size(2, 1, 3),
      { RearrangementGradient([.init(from: 0, to: 0, count: 3)], firstPixel: 1) }, { (0, $0 + 1, $1) }),
    rearranged(
      "order of channels", inputs: [size(2, 1, 4)], output: size(2, 1, 4),
      { RearrangementGradient(order: [2, 0, 3, 1]) },
      { (0, $0, [2, 0, 3, 1][$1]) }),
    pool(
      "maximum", Window(3, stride: 2, padding: 1), { MaxPoolGradient(Window(3, stride: 2, padding: 1)) },
      { $0.max()! }),
    pool(
      "mean with padding", Window(3, stride: 2, padding: 1),
      { MeanPoolGradient.sliding(Window(3, stride: 2, padding: 1), countsPadding: true) },
      { $0.reduce(0, +) / 9 }),
    pool(
      "mean without padding", Window(3, stride: 2, padding: 1),
      { MeanPoolGradient.sliding(Window(3, stride: 2, padding: 1), countsPadding: false) },
      { $0.reduce(0, +) / Double($0.count) }),
    LayerCase(
      testDescription: "mean of all pixels", inputs: [size(7, 6, 70)], output: size(1, 1, 70),
      make: { _ in MeanPoolGradient.whole() },
      definition: { x, _ in
        var y = ReferenceMap(x[0].images, size(1, 1, 70))
        for at in x[0].values.indices {
          y.values[at / x[0].size.count * 70 + at % 70] += x[0].values[at] / 42
        }
        return y
      }),
    LayerCase(
      testDescription: "grid of overlapping cells", inputs: [size(5, 1, 2)], output: size(3, 1, 2),
      make: { _ in MeanPoolGradient.grid() },
      definition: { x, _ in
        // Rows 0…1, 1…3 and 3…4.
        var y = ReferenceMap(x[0].images, size(3, 1, 2))
        for image in 0..<x[0].images {
          for (row, cell) in [0...1, 1...3, 3...4].enumerated() {
            for channel in 0..<2 {
              y[image, row, 0, channel] =
                cell.reduce(0.0) { $0 + x[0][image, $1, 0, channel] } / Double(cell.count)
            }
          }
        }
        return y
      }),
  ]

  @Test(arguments: pools) func poolingAndRearrangementHaveTheirDifferences(_ layer: LayerCase) {
    layer.check()
  }
}
