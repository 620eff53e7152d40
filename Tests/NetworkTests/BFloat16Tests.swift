import CNetworkKernels
import Platform
import Statistics
import TensorMath
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// Convolutions of bfloat16 numbers, by every instruction set that has them.
struct BFloat16Tests {
  struct Variant: Sendable, CustomTestStringConvertible {
    let kernels: ck_bf16_kernels
    var testDescription: String { String(cString: ck_isa_name(kernels.isa)) }
  }

  static let variants = (0..<CK_ISA_COUNT.rawValue).compactMap { isa in
    ck_bf16_kernels_for(ck_isa(isa)).map { Variant(kernels: $0.pointee) }
  }

  struct Shape: Sendable {
    var height: Int
    var width: Int
    var inputs: Int
    var outputs: Int
    var kernel: Int
    var stride = 1
    var dilation = 1
  }

  /// Rows narrower and wider than a tile, channels that fill neither a register nor a panel.
  static let shapes = [
    Shape(height: 7, width: 7, inputs: 64, outputs: 64, kernel: 1),
    Shape(height: 5, width: 9, inputs: 33, outputs: 40, kernel: 1, stride: 2),
    Shape(height: 9, width: 16, inputs: 48, outputs: 32, kernel: 3),
    Shape(height: 11, width: 8, inputs: 20, outputs: 17, kernel: 3, stride: 2),
    Shape(height: 9, width: 9, inputs: 16, outputs: 33, kernel: 3, dilation: 2),
    Shape(height: 6, width: 30, inputs: 96, outputs: 8, kernel: 5),
  ]

  private static func rounded(_ x: Float) -> Float {
    let bits = x.bitPattern
    return Float(bitPattern: (bits + 0x7fff + (bits >> 16 & 1)) & 0xffff_0000)
  }

  private static func random(_ count: Int, seed: UInt64) -> [Float] {
    var generator = SeededGenerator(seed: seed)
    return (0..<count).map { _ in Float(generator.normal()) }
  }

  /// Sums of products of rounded numbers, in float64, against the kernels' in float32.
  @Test(arguments: variants, shapes)
  func convolution(variant: Variant, shape: Shape) {
    let padding = shape.kernel / 2 * shape.dilation
    let reach = shape.dilation * (shape.kernel - 1)
    let outHeight = (shape.height + 2 * padding - reach - 1) / shape.stride + 1
    let outWidth = (shape.width + 2 * padding - reach - 1) / shape.stride + 1
    let (inputs, outputs, taps) = (shape.inputs, shape.outputs, shape.kernel * shape.kernel)
    let x = Self.random(shape.height * shape.width * inputs, seed: 1)
    let matrix = Self.random(taps * inputs * outputs, seed: 2)
    let residual = Self.random(outHeight * outWidth * outputs, seed: 3)
    let (scale, shift) = (Self.random(outputs, seed: 4), Self.random(outputs, seed: 5))
    var window = ck_window(
      height: shape.height, width: shape.width, out_height: outHeight, out_width: outWidth,
      kernel_height: shape.kernel, kernel_width: shape.kernel, stride_y: shape.stride, stride_x: shape.stride,
      pad_top: padding, pad_left: padding, dilation_y: shape.dilation, dilation_x: shape.dilation)
    let panel = Int(CK_BF16_PANEL)
    let panels = Tensor(shape: [(outputs + panel - 1) / panel, ck_conv_bf16_panel(taps, inputs)])
    ck_conv_bf16_pack(panels.pointer, matrix, taps, inputs, outputs)
    let scratch = Tensor(shape: [ck_conv_bf16_scratch(&window, inputs, outHeight)])
    var y = [Float](repeating: 0, count: residual.count)
    y.withUnsafeMutableBufferPointer { y in
      x.withUnsafeBufferPointer { x in
        residual.withUnsafeBufferPointer { residual in
          scale.withUnsafeBufferPointer { scale in
            shift.withUnsafeBufferPointer { shift in
              var job = ck_conv(
                window: window, x: x.baseAddress, x_stride: inputs, x_image: x.count, channels: inputs,
                y: y.baseAddress, y_stride: outputs, y_image: y.count, residual: residual.baseAddress,
                outputs: outputs, weight: panels.pointer, scale: scale.baseAddress, shift: shift.baseAddress,
                activation: CK_RELU, first_image: 0, last_image: 1, first_row: 0, last_row: 0, first_panel: 0,
                last_panel: panels.shape[0], scratch: scratch.pointer, group_width: 1)
              // Rows in two jobs.
              for rows in [0..<outHeight / 2, outHeight / 2..<outHeight] {
                (job.first_row, job.last_row) = (rows.lowerBound, rows.upperBound)
                variant.kernels.conv(&job)
              }
            }
          }
        }
      }
    }
    var worst = 0.0
    for at in y.indices {
      let (oy, ox, o) = (at / outputs / outWidth, at / outputs % outWidth, at % outputs)
      var sum = 0.0
      for tap in 0..<taps {
        let iy = oy * shape.stride - padding + tap / shape.kernel * shape.dilation
        let ix = ox * shape.stride - padding + tap % shape.kernel * shape.dilation
        guard (0..<shape.height).contains(iy), (0..<shape.width).contains(ix) else { continue }
        for c in 0..<inputs {
          sum +=
            Double(Self.rounded(x[(iy * shape.width + ix) * inputs + c]))
            * Double(Self.rounded(matrix[(tap * inputs + c) * outputs + o]))
        }
      }
      let expected = max(sum * Double(scale[o]) + Double(shift[o]) + Double(residual[at]), 0)
      worst = max(worst, abs(Double(y[at]) - expected))
    }
    #expect(worst < 3e-4)
  }

  private static func network(
    _ checkpoint: MemoryCheckpoint, threads: Int, _ variant: Variant?
  ) throws -> Network {
    var options = ComputeOptions(precision: variant == nil ? .float32 : .bfloat16)
    options.bfloat16Kernels = variant?.kernels
    return try Network(checkpoint, pool: ThreadPool(threads: threads), options: options)
  }

  @Test(arguments: variants, InstructionSetTests.checkpoints.indices)
  func logitsAreNearThoseOfFloat32(variant: Variant, index: Int) throws {
    let checkpoint = InstructionSetTests.checkpoints[index]
    let input = InstructionSetTests.pixels([3, 64, 56, 3])
    let expected = try Self.network(checkpoint, threads: 2, nil).logits(input).values.map(Double.init)
    let found = try Self.network(checkpoint, threads: 2, variant).logits(input).values
    let error = ResNetTests.error(found, expected)
    #expect(error < 3e-2)
    #expect(error > 1e-5, "nothing was rounded")
  }

  @Test(arguments: variants)
  func sameBitsForAnyThreadsAndBatches(variant: Variant) throws {
    try InstructionSetTests.expectSameBits { threads in
      try Self.network(InstructionSetTests.checkpoints[2], threads: threads, variant)
    }
  }

  @Test func otherProcessorsRefuse() throws {
    guard Self.variants.isEmpty else { return }
    #expect(throws: NetworkError.noBFloat16) {
      try Network(
        InstructionSetTests.checkpoints[0], pool: .caller, options: ComputeOptions(precision: .bfloat16))
    }
  }
}
