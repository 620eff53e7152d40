import CCheckpointKernels
import Checkpoint

/// The arithmetic of a pass: float64 sums in the order of the series, rounded once.
///
/// Every variant does the same operations in the same order without fused multiply-add, so results are equal
/// in every bit on every processor.
struct Kernel: Sendable {
  let functions: ck_average_kernels

  /// The fastest variant for this processor.
  static let best = Kernel(functions: ck_average_kernels_best().pointee)

  /// True if the kernel itself reads and writes a type; others are widened and narrowed in a separate step.
  static func isNative(_ dtype: DType) -> Bool { element(dtype) != nil }

  private static func element(_ dtype: DType) -> ck_element? {
    switch dtype {
    case .f64: CK_F64
    case .f32: CK_F32
    case .f16: CK_F16
    case .bf16: CK_BF16
    default: nil
    }
  }

  /// sum = keep·sum + add·x for one input after the other.
  ///
  /// - Parameters:
  ///   - inputs: One array of `count` elements for each step.
  ///   - dtype: The inputs' type, one of the native ones.
  ///   - resumes: False if there is no sum yet.
  func accumulate(
    _ inputs: [UnsafeRawPointer?], _ dtype: DType, steps: [LinearCombination.Update], count: Int,
    resumes: Bool, into sum: UnsafeMutablePointer<Double>
  ) {
    functions.accumulate(
      Self.element(dtype)!, inputs, steps.map(\.keep), steps.map(\.add), inputs.count, count,
      resumes ? 1 : 0, sum)
  }

  /// The sum and its rounding in one step, from the first input on, between native types; false if a result
  /// is not finite.
  func combine(
    _ inputs: [UnsafeRawPointer?], from input: DType, steps: [LinearCombination.Update], count: Int,
    divisor: Double,
    to output: DType, into out: UnsafeMutableRawPointer
  ) -> Bool {
    functions.combine(
      Self.element(input)!, Self.element(output)!, inputs, steps.map(\.keep), steps.map(\.add),
      inputs.count,
      count, divisor, out) == 0
  }

  /// out = sum / divisor, rounded to nearest even; true if a result is not finite.
  func round(
    _ sum: UnsafePointer<Double>, divisor: Double, count: Int, to dtype: DType,
    into out: UnsafeMutableRawPointer
  ) -> Bool {
    if let element = Self.element(dtype) {
      return functions.round(element, sum, divisor, count, out) != 0
    }
    let quotients = (0..<count).map { sum[$0] / divisor }
    let target = UnsafeMutableRawBufferPointer(start: out, count: count * dtype.bitWidth / 8)
    return quotients.withUnsafeBufferPointer { values in
      values.contains { !$0.isFinite } || ElementConversion.narrow(values, to: dtype, into: target) != nil
    }
  }
}

extension Kernel {
  /// Sums in ascending order without the `trim` smallest and largest values; false if a value is not finite.
  ///
  /// - Parameter values: `inputs` rows of `count` values, sorted in place.
  func trimmedSum(
    _ values: UnsafeMutablePointer<Double>, inputs: Int, count: Int, trim: Int,
    into sum: UnsafeMutablePointer<Double>
  ) -> Bool {
    functions.trimmed_sum(values, inputs, count, count, trim, sum) == 0
  }

  /// Welford's update of means and squared deviations by the `number`th value of each element.
  func welford(
    _ x: UnsafePointer<Double>, number: Int, count: Int, mean: UnsafeMutablePointer<Double>,
    squares: UnsafeMutablePointer<Double>
  ) {
    functions.welford(x, Double(number), count, mean, squares)
  }
}
