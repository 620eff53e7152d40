import CNetworkKernels
import Foundation
import Statistics
import Testing

/// Every instruction set's kernels against plain loops in float64.
struct LayerKernelTests {
  struct Variant: Sendable, CustomTestStringConvertible {
    let kernels: ck_layer_kernels
    var testDescription: String { String(cString: ck_isa_name(kernels.isa)) }
  }

  static let variants = (0..<CK_ISA_COUNT.rawValue).compactMap { isa in
    ck_layer_kernels_for(ck_isa(isa)).map { Variant(kernels: $0.pointee) }
  }

  private static func random(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(4 * generator.normal()) }
  }

  @Test func theBestInstructionSetIsAvailable() {
    #expect(ck_layer_kernels_best() != nil)
    #expect(ck_layer_kernels_for(CK_ISA_COUNT) == nil)
    #expect(Self.variants.first?.testDescription == "scalar")
  }

  private static func activate(_ x: Double, _ activation: ck_activation) -> Double {
    let gate = min(max(x + 3, 0), 6) / 6
    return switch activation {
    case CK_RELU: max(x, 0)
    case CK_RELU6: min(max(x, 0), 6)
    case CK_SIGMOID: 1 / (1 + exp(-x))
    case CK_SILU: x / (1 + exp(-x))
    case CK_HARD_SIGMOID: gate
    case CK_HARD_SWISH: x * gate
    case CK_GELU: x * 0.5 * erfc(-x / 2.0.squareRoot())
    case CK_GELU_TANH: 0.5 * x * (1 + tanh((2 / Double.pi).squareRoot() * (x + 0.044715 * x * x * x)))
    case CK_QUICK_GELU: x / (1 + exp(-1.702 * x))
    default: x
    }
  }

  @Test(arguments: variants, [1, 4, 19, 32])
  func pointwise(variant: Variant, channels: Int) {
    let rows = 3
    let stride = channels + 2
    let (x, residual) = (Self.random(rows * stride, seed: 1), Self.random(rows * stride, seed: 2))
    let (scale, shift) = (Self.random(channels, seed: 3), Self.random(channels, seed: 4))
    for code in 0..<CK_ACTIVATION_COUNT.rawValue {
      for parts in 0..<8 {
        var y = [Float](repeating: 99, count: rows * stride)
        scale.withUnsafeBufferPointer { scale in
          shift.withUnsafeBufferPointer { shift in
            residual.withUnsafeBufferPointer { residual in
              x.withUnsafeBufferPointer { x in
                y.withUnsafeMutableBufferPointer { y in
                  var job = ck_pointwise(
                    y: y.baseAddress, y_stride: stride, x: x.baseAddress, x_stride: stride,
                    residual: parts & 4 != 0 ? residual.baseAddress : nil, residual_stride: stride,
                    scale: parts & 1 != 0 ? scale.baseAddress : nil,
                    shift: parts & 2 != 0 ? shift.baseAddress : nil, rows: rows, channels: channels,
                    activation: ck_activation(code))
                  variant.kernels.pointwise(&job)
                }
              }
            }
          }
        }
        for row in 0..<rows {
          for c in 0..<stride {
            let at = row * stride + c
            guard c < channels else {
              #expect(y[at] == 99)
              continue
            }
            var z = Double(x[at])
            if parts & 1 != 0 { z *= Double(scale[c]) }
            if parts & 2 != 0 { z += Double(shift[c]) }
            if parts & 4 != 0 { z += Double(residual[at]) }
            let expected = Self.activate(z, ck_activation(code))
            #expect(abs(Double(y[at]) - expected) <= 2e-5 * max(1, abs(expected)))
          }
        }
      }
    }
  }

  @Test(arguments: variants)
  func nanIsNotHidden(variant: Variant) {
    let x = [Float](repeating: .nan, count: 5)
    for activation in [CK_RELU, CK_RELU6, CK_HARD_SWISH] {
      var y = [Float](repeating: 0, count: 5)
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          var job = ck_pointwise(
            y: y.baseAddress, y_stride: 5, x: x.baseAddress, x_stride: 5, residual: nil, residual_stride: 0,
            scale: nil, shift: nil, rows: 1, channels: 5, activation: activation)
          variant.kernels.pointwise(&job)
        }
      }
      #expect(y.allSatisfy { $0.isNaN })
    }
  }

  @Test(arguments: variants, [CK_POOL_MAX, CK_POOL_MEAN_VALID, CK_POOL_MEAN_PADDED])
  func pooling(variant: Variant, kind: ck_pooling) {
    let (height, width, channels) = (7, 6, 21)
    let x = Self.random(height * width * channels, seed: 5)
    for (kernel, stride, padding, dilation) in [(3, 2, 1, 1), (2, 2, 0, 1), (3, 1, 1, 2), (5, 3, 2, 1)] {
      if dilation > 1 && kind != CK_POOL_MAX { continue }
      let outHeight = (height + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1
      let outWidth = (width + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1
      var y = [Float](repeating: 0, count: outHeight * outWidth * channels)
      x.withUnsafeBufferPointer { x in
        y.withUnsafeMutableBufferPointer { y in
          var job = ck_pool(
            window: ck_window(
              height: height, width: width, out_height: outHeight, out_width: outWidth, kernel_height: kernel,
              kernel_width: kernel, stride_y: stride, stride_x: stride, pad_top: padding, pad_left: padding,
              dilation_y: dilation, dilation_x: dilation),
            pad_bottom: padding, pad_right: padding, kind: kind, x: x.baseAddress, x_stride: channels,
            y: y.baseAddress, y_stride: channels, channels: channels, first_row: 0, last_row: outHeight)
          variant.kernels.pool(&job)
        }
      }
      for oy in 0..<outHeight {
        for ox in 0..<outWidth {
          for c in 0..<channels {
            var inside: [Double] = []
            for ky in 0..<kernel {
              for kx in 0..<kernel {
                let (iy, ix) = (oy * stride - padding + ky * dilation, ox * stride - padding + kx * dilation)
                guard (0..<height).contains(iy), (0..<width).contains(ix) else { continue }
                inside.append(Double(x[(iy * width + ix) * channels + c]))
              }
            }
            let sum = inside.reduce(0, +)
            let expected =
              switch kind {
              case CK_POOL_MAX: inside.max()!
              case CK_POOL_MEAN_VALID: sum / Double(inside.count)
              default: sum / Double(kernel * kernel)
              }
            #expect(abs(Double(y[(oy * outWidth + ox) * channels + c]) - expected) < 1e-5)
          }
        }
      }
    }
  }

  @Test(arguments: variants, [3, 16, 37])
  func linear(variant: Variant, inputs: Int) {
    let (rows, outputs) = (7, 5)
    let (x, weight) = (Self.random(rows * inputs, seed: 6), Self.random(outputs * inputs, seed: 7))
    let bias = Self.random(outputs, seed: 8)
    func run(_ count: Int) -> [Float] {
      var y = [Float](repeating: 0, count: count * outputs)
      x.withUnsafeBufferPointer { x in
        weight.withUnsafeBufferPointer { weight in
          bias.withUnsafeBufferPointer { bias in
            y.withUnsafeMutableBufferPointer { y in
              var job = ck_linear(
                y: y.baseAddress, y_stride: outputs, x: x.baseAddress, x_stride: inputs,
                weight: weight.baseAddress, bias: bias.baseAddress, rows: count, inputs: inputs,
                first_output: 0, last_output: outputs)
              variant.kernels.linear(&job)
            }
          }
        }
      }
      return y
    }
    let y = run(rows)
    for i in 0..<rows {
      for o in 0..<outputs {
        let expected = (0..<inputs).reduce(Double(bias[o])) {
          $0 + Double(x[i * inputs + $1]) * Double(weight[o * inputs + $1])
        }
        #expect(abs(Double(y[i * outputs + o]) - expected) < 1e-3)
      }
    }
    for count in 1..<rows { #expect(run(count) == Array(y[..<(count * outputs)])) }
  }

  @Test(arguments: variants, [3, 16, 37])
  func globalMean(variant: Variant, channels: Int) {
    let (height, width) = (5, 7)
    let x = Self.random(height * width * channels, seed: 9)
    var y = [Float](repeating: 0, count: channels)
    variant.kernels.global_mean(&y, x, height, width, channels, channels)
    for c in 0..<channels {
      let expected = (0..<35).reduce(0.0) { $0 + Double(x[$1 * channels + c]) } / 35
      #expect(abs(Double(y[c]) - expected) < 1e-5)
    }
  }

  @Test(arguments: variants, [3, 8, 16, 37, 140])
  func moments(variant: Variant, channels: Int) {
    let (rows, stride) = (11, channels + 1)
    let x = Self.random(rows * stride, seed: 12)
    var mean = [Double](repeating: 0, count: channels)
    var m2 = mean
    variant.kernels.moments(x, rows, channels, stride, &mean, &m2)
    for c in 0..<channels {
      let column = (0..<rows).map { Double(x[$0 * stride + c]) }
      let center = column.reduce(0, +) / Double(rows)
      #expect(abs(mean[c] - center) < 1e-12)
      #expect(abs(m2[c] - column.reduce(0) { $0 + ($1 - center) * ($1 - center) }) < 1e-10)
    }
  }

  @Test(
    arguments: variants, [(3, 1, 1, 1), (3, 2, 1, 1), (5, 1, 2, 1), (5, 2, 2, 1), (3, 1, 2, 2), (2, 1, 0, 1)])
  func depthwise(variant: Variant, shape: (kernel: Int, stride: Int, padding: Int, dilation: Int)) {
    let (kernel, stride, padding, dilation) = shape
    for (height, width, channels) in [(9, 13, 21), (2, 3, 16)] {
      let outHeight = (height + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1
      let outWidth = (width + 2 * padding - dilation * (kernel - 1) - 1) / stride + 1
      guard height + 2 * padding > dilation * (kernel - 1), width + 2 * padding > dilation * (kernel - 1)
      else {
        continue
      }
      let x = Self.random(height * width * channels, seed: 13)
      let weight = Self.random(kernel * kernel * channels, seed: 14)
      let residual = Self.random(outHeight * outWidth * channels, seed: 15)
      let (scale, shift) = (Self.random(channels, seed: 16), Self.random(channels, seed: 17))
      var y = [Float](repeating: 99, count: outHeight * outWidth * channels)
      withPointers(x, weight, residual, scale, shift) { x, weight, residual, scale, shift in
        y.withUnsafeMutableBufferPointer { y in
          var job = ck_conv(
            window: ck_window(
              height: height, width: width, out_height: outHeight, out_width: outWidth, kernel_height: kernel,
              kernel_width: kernel, stride_y: stride, stride_x: stride, pad_top: padding, pad_left: padding,
              dilation_y: dilation, dilation_x: dilation),
            x: x, x_stride: channels, x_image: height * width * channels, channels: channels,
            y: y.baseAddress,
            y_stride: channels, y_image: y.count, residual: residual, outputs: channels, weight: weight,
            scale: scale, shift: shift, activation: CK_RELU, first_image: 0, last_image: 1, first_row: 0,
            last_row: outHeight, first_panel: 0, last_panel: 0, scratch: nil, group_width: 1)
          variant.kernels.depthwise(&job)
        }
      }
      for at in y.indices {
        let (oy, ox, c) = (at / channels / outWidth, at / channels % outWidth, at % channels)
        var sum = 0.0
        for ky in 0..<kernel {
          for kx in 0..<kernel {
            let (iy, ix) = (oy * stride - padding + ky * dilation, ox * stride - padding + kx * dilation)
            guard (0..<height).contains(iy), (0..<width).contains(ix) else { continue }
            let factor = Double(weight[(ky * kernel + kx) * channels + c])
            sum += Double(x[(iy * width + ix) * channels + c]) * factor
          }
        }
        let expected = max(sum * Double(scale[c]) + Double(shift[c]) + Double(residual[at]), 0)
        #expect(abs(Double(y[at]) - expected) < 1e-3)
      }
    }
  }

  private func withPointers(
    _ a: [Float], _ b: [Float], _ c: [Float], _ d: [Float], _ e: [Float],
    _ body: (
      UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>, UnsafePointer<Float>,
      UnsafePointer<Float>
    ) -> Void
  ) {
    body(a, b, c, d, e)
  }

  @Test func receptiveFields() {
    let (height, width, channels, stride) = (4, 5, 2, 3)
    let x = Self.random(height * width * stride, seed: 10)
    for (kernel, step, padding, dilation) in [(3, 1, 1, 1), (3, 2, 1, 1), (2, 1, 0, 1), (3, 1, 2, 2)] {
      for xStride in [stride, channels] {
        let outHeight = (height + 2 * padding - dilation * (kernel - 1) - 1) / step + 1
        let outWidth = (width + 2 * padding - dilation * (kernel - 1) - 1) / step + 1
        var window = ck_window(
          height: height, width: width, out_height: outHeight, out_width: outWidth, kernel_height: kernel,
          kernel_width: kernel, stride_y: step, stride_x: step, pad_top: padding, pad_left: padding,
          dilation_y: dilation, dilation_x: dilation)
        let depth = kernel * kernel * channels
        var matrix = [Float](repeating: 99, count: (outHeight - 1) * outWidth * depth)
        ck_im2col(&matrix, x, xStride, channels, &window, 1, outHeight)
        var at = 0
        for oy in 1..<outHeight {
          for ox in 0..<outWidth {
            for tap in 0..<kernel * kernel {
              let iy = oy * step - padding + tap / kernel * dilation
              let ix = ox * step - padding + tap % kernel * dilation
              let inside = (0..<height).contains(iy) && (0..<width).contains(ix)
              for c in 0..<channels {
                #expect(matrix[at] == (inside ? x[(iy * width + ix) * xStride + c] : 0))
                at += 1
              }
            }
          }
        }
        #expect(at == matrix.count)
      }
    }
  }
}
