import Testing

@testable import Checkpoint

@Suite struct ElementConversionTests {
  func bits(_ values: [Double], _ dtype: DType, saturating: Bool = false) -> (bytes: [UInt8], failed: Int?) {
    var bytes = [UInt8](repeating: 0xAA, count: values.count * dtype.bitWidth / 8)
    let failed = values.withUnsafeBufferPointer { source in
      bytes.withUnsafeMutableBytes {
        ElementConversion.narrow(source, to: dtype, into: $0, saturating: saturating)
      }
    }
    return (bytes, failed)
  }

  func value(_ bytes: [UInt8], _ dtype: DType) throws -> [Double] {
    try TensorValue(dtype: dtype, shape: [bytes.count * 8 / dtype.bitWidth], bytes: bytes).doubles()
  }

  /// Every bit pattern of the small types survives the way through double.
  @Test(arguments: DType.allCases.filter { $0.isReal && $0.bitWidth <= 16 && $0 != .bool })
  func allPatterns(_ dtype: DType) throws {
    let patterns: [UInt8] =
      dtype.bitWidth == 8 ? Array(0...255) : (0...UInt16.max).flatMap { littleEndianBytes($0) }
    let widened = try value(patterns, dtype)
    let (back, failed) = bits(widened, dtype)
    #expect(failed == nil)
    let width = dtype.bitWidth / 8
    for index in widened.indices where !widened[index].isNaN {
      #expect(back[index * width..<(index + 1) * width] == patterns[index * width..<(index + 1) * width])
    }
    for (index, again) in try value(back, dtype).enumerated() where widened[index].isNaN {
      #expect(again.isNaN)
    }
  }

  /// Between neighbours: below the middle goes down, above goes up, the middle to the even one.
  @Test(arguments: [DType.f16, .bf16, .f8e5m2, .f8e4m3, .f8e4m3fnuz, .f8e5m2fnuz])
  func nearestEven(_ dtype: DType) throws {
    let count = dtype.bitWidth == 8 ? 0x7F : 0x7FFF
    let width = dtype.bitWidth / 8
    let positive = try value((0...count).flatMap { Array(littleEndianBytes($0)[..<width]) }, dtype)
    for index in 0..<count where positive[index + 1].isFinite && positive[index].isFinite {
      let (low, high) = (positive[index], positive[index + 1])
      let middle = low + (high - low) / 2
      let even = index % 2 == 0 ? low : high
      #expect(
        try value(bits([middle, middle.nextDown, middle.nextUp, -middle], dtype).bytes, dtype) == [
          even, low, high, -even,
        ])
    }
  }

  /// A value just above a middle that a step through F32 would round onto the middle.
  @Test func roundsOnlyOnce() throws {
    let value = 1 + 0x1p-11 + 0x1p-40
    #expect(bits([value], .f16).bytes == littleEndianBytes(UInt16(0x3C01)))
    #expect(bits([1 + 0x1p-8 + 0x1p-40], .bf16).bytes == littleEndianBytes(UInt16(0x3F81)))
  }

  @Test(arguments: [
    (DType.f32, Double(Float.greatestFiniteMagnitude)), (.f16, 65504), (.bf16, 0x1.FEp127), (.f8e5m2, 57344),
    (.f8e4m3, 448), (.f8e4m3fnuz, 240), (.f8e5m2fnuz, 57344),
  ])
  func overflow(_ dtype: DType, _ largest: Double) throws {
    #expect(bits([0, largest, -largest], dtype).failed == nil)
    let (bytes, failed) = bits([0, largest * 1.5, -largest * 1.5], dtype)
    #expect(failed == 1)
    #expect(try value(bytes, dtype)[1...].allSatisfy { !$0.isFinite })
    let saturated = bits([0, -largest * 1e10, .infinity], dtype, saturating: true)
    #expect(saturated.failed == 1)
    #expect(try value(saturated.bytes, dtype) == [0, -largest, largest])
    #expect(try value(bits([.nan], dtype).bytes, dtype)[0].isNaN)
    let hasInfinity = dtype != .f8e4m3 && dtype != .f8e4m3fnuz && dtype != .f8e5m2fnuz
    #expect(bits([-.infinity], dtype).failed == (hasInfinity ? nil : 0))
    if hasInfinity { #expect(try value(bits([-.infinity], dtype).bytes, dtype) == [-.infinity]) }
  }

  /// Values of `torch.tensor([...], dtype=torch.float32).to(dtype)`, PyTorch 2.15.
  @Test func knownPatterns() {
    #expect(bits([448, 464, -0.001953125, 1.0625], .f8e4m3).bytes == [0x7E, 0x7E, 0x81, 0x38])
    #expect(bits([57344, 0.0000152587890625, -1.125], .f8e5m2).bytes == [0x7B, 0x01, 0xBC])
    #expect(bits([240, 1, -0.0], .f8e4m3fnuz).bytes == [0x7F, 0x40, 0x00])
    #expect(bits([57344, 1, -0.0], .f8e5m2fnuz).bytes == [0x7F, 0x40, 0x00])
    #expect(bits([1, 2, 0.75, 3], .f8e8m0).bytes == [127, 128, 127, 129])
  }

  @Test func scalesHoldPowersOfTwoOnly() {
    #expect(bits([1, 0, 1], .f8e8m0).failed == 1)
    #expect(bits([-1], .f8e8m0).failed == 0)
    #expect(bits([.nan, 0x1p127, 0x1p-127], .f8e8m0).bytes == [0xFF, 0xFE, 0])
    #expect(bits([0x1.8p127], .f8e8m0).failed == 0)
  }

  @Test func roundsAndSaturatesToIntegers() throws {
    #expect(
      bits([0.5, 1.5, -2.5, 127.4, -128.5], .i8).bytes.map(Int8.init(bitPattern:)) == [0, 2, -2, 127, -128])
    let (bytes, failed) = bits([1, 300, -1, .nan], .u8)
    #expect(bytes == [1, 255, 0, 0])
    #expect(failed == 1)
    #expect(bits([0x1p63], .i64).failed == 0)
    #expect(bits([0x1p63], .u64).failed == nil)
    #expect(try value(littleEndianBytes(Int64(-5)), .i64) == [-5])
    #expect(try value([0, 1, 2], .bool) == [0, 1, 1])
  }

  @Test func unalignedSources() {
    let values: [Float] = [1, -2, 3.5]
    let shifted = [0xEE] + values.withUnsafeBytes { Array($0) }
    var widened = [Double](repeating: 0, count: 3)
    shifted.withUnsafeBytes { bytes in
      widened.withUnsafeMutableBufferPointer {
        ElementConversion.widen(UnsafeRawBufferPointer(rebasing: bytes[1...]), .f32, into: $0)
      }
    }
    #expect(widened == [1, -2, 3.5])
  }

  @Test func valuesThatCannotBe() {
    #expect(throws: CheckpointError.unrepresentable("w", .f16, index: 1, value: 1e6)) {
      try TensorValue(doubles: [1, 1e6], shape: [2], dtype: .f16, name: "w")
    }
    #expect(throws: CheckpointError.notReal("w", .c64)) {
      try TensorValue(doubles: [], shape: [0], dtype: .c64, name: "w")
    }
    #expect(throws: CheckpointError.notReal("", .f4)) {
      try TensorValue(dtype: .f4, shape: [2], bytes: [0]).doubles()
    }
  }
}
