import CCheckpointKernels
import Checkpoint
import Statistics
import Testing

@testable import Averaging

/// The arithmetic itself, in every variant this processor runs.
@Suite struct KernelTests {
  static let kernels = (0..<CK_ISA_COUNT.rawValue).compactMap { isa in
    ck_average_kernels_for(ck_isa(isa)).map { Kernel(functions: $0.pointee) }
  }

  private func rounded(_ kernel: Kernel, _ values: [Double], to dtype: DType, divisor: Double = 1) -> (
    bytes: [UInt8], failed: Bool
  ) {
    var bytes = [UInt8](repeating: 0, count: values.count * dtype.bitWidth / 8)
    let failed = bytes.withUnsafeMutableBytes {
      kernel.round(values, divisor: divisor, count: values.count, to: dtype, into: $0.baseAddress!)
    }
    return (bytes, failed)
  }

  private func halves(_ bytes: [UInt8]) -> [UInt16] {
    stride(from: 0, to: bytes.count, by: 2).map { UInt16(bytes[$0]) | UInt16(bytes[$0 + 1]) << 8 }
  }

  private func widened(_ kernel: Kernel, _ patterns: [UInt16], _ dtype: DType) -> [Double] {
    var sums = [Double](repeating: -1, count: patterns.count)
    patterns.withUnsafeBytes { bytes in
      kernel.accumulate(
        [bytes.baseAddress], dtype, steps: [.init(keep: 7, add: 1)], count: patterns.count, resumes: false,
        into: &sums)
    }
    return sums
  }

  @Test(arguments: [DType.f16, .bf16]) func everyHalfWidensAndReturns(_ dtype: DType) {
    let patterns = (0...UInt16.max).map { $0 }
    for kernel in Self.kernels {
      let values = widened(kernel, patterns, dtype)
      for (pattern, value) in zip(patterns, values) {
        let expected =
          dtype == .f16
          ? Double(Float16(bitPattern: pattern)) : Double(Float(bitPattern: UInt32(pattern) << 16))
        let isSame = value.bitPattern == expected.bitPattern || value.isNaN && expected.isNaN
        if !isSame { Issue.record("pattern \(pattern): \(value), not \(expected)") }
      }
      let finite = zip(patterns, values).filter { $0.1.isFinite }
      let (bytes, failed) = rounded(kernel, finite.map(\.1), to: dtype)
      #expect(!failed)
      #expect(halves(bytes) == finite.map(\.0))
    }
  }

  /// Halfway between neighbours goes to the even one; the least bit beyond decides otherwise, also where rounding to
  /// float first would make a tie of it.
  @Test(arguments: [DType.f16, .bf16]) func roundsOnceToNearestEven(_ dtype: DType) {
    let top: UInt16 = dtype == .f16 ? 0x7BFF : 0x7F7F
    let patterns = Array(0..<top)
    for kernel in Self.kernels {
      let lower = widened(kernel, patterns, dtype)
      let upper = widened(kernel, patterns.map { $0 + 1 }, dtype)
      let middle = zip(lower, upper).map { ($0 + $1) / 2 }
      #expect(halves(rounded(kernel, middle, to: dtype).bytes) == patterns.map { $0 + $0 % 2 })
      #expect(halves(rounded(kernel, middle.map(\.nextUp), to: dtype).bytes) == patterns.map { $0 + 1 })
      #expect(halves(rounded(kernel, middle.map(\.nextDown), to: dtype).bytes) == patterns)
      #expect(
        halves(rounded(kernel, middle.map { -$0 }, to: dtype).bytes)
          == patterns.map { 0x8000 | ($0 + $0 % 2) })
    }
  }

  @Test func reportsWhatIsNotFinite() {
    let beyond: [(DType, Double)] = [
      (.f64, .infinity), (.f64, .nan), (.f32, 3.5e38), (.f32, .nan), (.f16, 65520), (.f16, -.infinity),
      (.f16, .nan),
      (.bf16, 3.4e38), (.bf16, .nan), (.f8e4m3, 480), (.f8e4m3, .nan), (.f8e5m2, 65520),
    ]
    for kernel in Self.kernels {
      for (dtype, value) in beyond {
        for place in [0, 63, 64, 70] {
          var values = [Double](repeating: 1, count: 71)
          values[place] = value
          #expect(rounded(kernel, values, to: dtype).failed, "\(dtype) \(value) at \(place)")
        }
      }
      for (dtype, value) in [(DType.f32, 3.4e38), (.f16, 65519), (.bf16, 3.38e38), (.f8e4m3, 448)] {
        #expect(!rounded(kernel, [value, -value], to: dtype).failed, "\(dtype) \(value)")
      }
    }
  }

  /// Plain Swift, one operation after the other.
  private func reference(_ inputs: [[Float]], _ steps: [LinearCombination.Update]) -> [Double] {
    inputs[0].indices.map { i in
      var sum = steps[0].add * Double(inputs[0][i])
      for k in 1..<steps.count { sum = steps[k].keep * sum + steps[k].add * Double(inputs[k][i]) }
      return sum
    }
  }

  @Test(arguments: [1, 63, 64, 65, 200]) func everyVariantDoesTheSameOperations(count: Int) {
    var state: UInt64 = 1
    func next() -> Double {
      state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
      return Double(state >> 11) * 0x1p-53 - 0.5
    }
    let inputs = (0..<5).map { _ in (0..<count).map { _ in Float(next()) } }
    for keeps in [[1.0, 1, 1, 1, 1], [0.3, 0.9, 0.8, 0.7, 0.1]] {
      let steps = keeps.map { LinearCombination.Update(keep: $0, add: next()) }
      let expected = reference(inputs, steps)
      for kernel in Self.kernels {
        var sums = [Double](repeating: 0, count: count)
        // An odd address: files need not be aligned.
        let storage = inputs.map { input in
          let memory = UnsafeMutableRawPointer.allocate(byteCount: 4 * count + 1, alignment: 8)
          input.withUnsafeBytes { (memory + 1).copyMemory(from: $0.baseAddress!, byteCount: $0.count) }
          return memory
        }
        defer { for memory in storage { memory.deallocate() } }
        func pointers(_ range: Range<Int>) -> [UnsafeRawPointer?] {
          range.map { UnsafeRawPointer(storage[$0] + 1) }
        }
        kernel.accumulate(pointers(0..<5), .f32, steps: steps, count: count, resumes: false, into: &sums)
        #expect(sums == expected)
        kernel.accumulate(
          pointers(0..<2), .f32, steps: Array(steps[..<2]), count: count, resumes: false, into: &sums)
        kernel.accumulate(
          pointers(2..<5), .f32, steps: Array(steps[2...]), count: count, resumes: true, into: &sums)
        #expect(sums == expected, "in two parts")
      }
    }
  }

  /// Means of 16-bit numbers take another way where their sums fit a float: exponents around the widest distance that
  /// does, signs and zeros at random, and some numbers of any size are held against the plain way.
  @Test(arguments: [DType.f16, .bf16]) func bothWaysToAMeanGiveTheSameBytes(_ dtype: DType) throws {
    let (fraction, exponents) = dtype == .f16 ? (10, 30) : (7, 254)
    var generator = SeededGenerator(seed: 16)
    func bits(_ limit: Int) -> UInt16 { UInt16(generator.next() % UInt64(limit)) }
    for (inputs, divisor) in [(2, 2.0), (3, 3), (5, 7), (10, 10), (16, 16), (16, 1), (9, 0.3), (17, 17)] {
      for count in [1, 32, 127, 700] {
        for spread in 0..<exponents {
          let low = (0..<count).map { _ in Int(bits(exponents - spread)) }
          var patterns = (0..<inputs).map { _ in
            (0..<count).map { i -> UInt16 in
              if bits(40) == 0 { return bits(2) << 15 }
              let exponent = UInt16(low[i]) + bits(spread + 1)
              return bits(2) << 15 | exponent << UInt16(fraction) | bits(1 << fraction)
            }
          }
          if bits(8) == 0 { patterns[0][count - 1] = UInt16(exponents + 1) << UInt16(fraction) }
          expectPlainBytes(
            patterns, dtype, to: [dtype, .f32], divisor: divisor,
            "\(inputs) inputs, \(count) elements, spread \(spread)")
        }
      }
    }
  }

  /// Means of F32 are made without a division: numbers of all sizes, zeros of either sign and sums that cancel.
  @Test func meansWithoutDivisionGiveTheSameBytes() throws {
    var generator = SeededGenerator(seed: 32)
    let count = 600
    for divisor in 1...257 {
      let inputs = 1 + divisor % 12
      var values = (0..<inputs).map { _ in
        (0..<count).map { _ in
          let bits = UInt32(truncatingIfNeeded: generator.next())
          return bits % 16 == 0 ? Float(bitPattern: bits & 0x8000_0000) : Float(bitPattern: bits)
        }
      }
      for i in 0..<count {
        for k in 0..<inputs where !values[k][i].isFinite { values[k][i] = Float(k + 1) / 3 }
        if i % 3 == 0 { values[0][i] = values[inputs - 1][i].nextUp * -1 }
      }
      if divisor % 16 == 0 { values[0][divisor] = divisor % 32 == 0 ? .infinity : .nan }
      expectPlainBytes(values, .f32, to: [.f32], divisor: Double(divisor), "divisor \(divisor)")
    }
  }

  /// Every kernel's mean of some inputs has the bytes of the plain sum, divided and rounded.
  private func expectPlainBytes<Element>(
    _ inputs: [[Element]], _ dtype: DType, to outputs: [DType], divisor: Double, _ subject: String
  ) {
    let count = inputs[0].count
    let plain = Kernel(functions: ck_average_kernels_for(CK_SCALAR).pointee)
    let steps = [LinearCombination.Update](repeating: .init(keep: 1, add: 1), count: inputs.count)
    let storage = inputs.map { input in
      let memory = UnsafeMutablePointer<Element>.allocate(capacity: count)
      memory.initialize(from: input, count: count)
      return memory
    }
    defer { for memory in storage { memory.deallocate() } }
    let pointers = storage.map { UnsafeRawPointer($0) as UnsafeRawPointer? }
    var sums = [Double](repeating: 0, count: count)
    plain.accumulate(pointers, dtype, steps: steps, count: count, resumes: false, into: &sums)
    for output in outputs {
      let expected = rounded(plain, sums, to: output, divisor: divisor)
      for kernel in Self.kernels {
        var bytes = [UInt8](repeating: 0, count: count * output.bitWidth / 8)
        let isFinite = bytes.withUnsafeMutableBytes {
          kernel.combine(
            pointers, from: dtype, steps: steps, count: count, divisor: divisor, to: output,
            into: $0.baseAddress!)
        }
        #expect(isFinite != expected.failed)
        #expect(!isFinite || bytes == expected.bytes, "\(kernel.functions.isa), \(subject), \(output)")
      }
    }
  }

  @Test func negativeZeroStays() {
    for kernel in Self.kernels {
      let sums = widened(kernel, [0x8000, 0x8000], .f16)
      #expect(sums.allSatisfy { $0 == 0 && $0.sign == .minus })
    }
  }
}
