import CNetworkKernels
import Testing

/// Half precision in scratch files, held against the standard library's.
@Suite struct HalfTests {
  @Test func everyHalfSurvives() {
    let halves = (0...UInt16.max).map { $0 }
    var floats = [Float](repeating: 0, count: halves.count)
    ck_half_load(halves, &floats, halves.count)
    var back = [UInt16](repeating: 0, count: halves.count)
    #expect(ck_half_store(floats, &back, floats.count) == 0)
    for (half, (float, stored)) in zip(halves, zip(floats, back)) {
      let expected = Float16(bitPattern: half)
      if expected.isNaN {
        #expect(float.isNaN && Float16(bitPattern: stored).isNaN)
      } else {
        #expect(float == Float(expected) && stored == half)
      }
    }
  }

  @Test func floatsAreRoundedToTheNearest() {
    // A stride that is no power of two meets every exponent and all kinds of ties.
    let floats = stride(from: UInt32(0), to: UInt32.max - 49_999, by: 49_999).map(Float.init(bitPattern:))
    let finite =
      floats.filter { !$0.isNaN } + [65_504, 65_519.996, 65_520, -65_520, 0x1p-25, 0x1.8p-25, -0.0]
    var halves = [UInt16](repeating: 0, count: finite.count)
    let overflows = ck_half_store(finite, &halves, finite.count)
    #expect(overflows == finite.count { $0.isFinite && Float16($0).isInfinite })
    #expect(zip(finite, halves).allSatisfy { Float16($0).bitPattern == $1 })
  }
}
