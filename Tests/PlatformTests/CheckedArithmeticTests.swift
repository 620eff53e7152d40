import Platform
import Testing

@Suite struct CheckedArithmeticTests {
  @Test func whatDoesNotFitIsNil() {
    #expect(Int.max.adding(exactly: 1) == nil)
    #expect(Int.min.subtracting(exactly: 1) == nil)
    #expect((Int.max / 2 + 1).multiplied(exactlyBy: 2) == nil)
    #expect(Int.min.divided(exactlyBy: -1) == nil)
    #expect(1.divided(exactlyBy: 0) == nil)
    #expect(3.adding(exactly: 4) == 7)
    #expect(3.subtracting(exactly: 4) == -1)
    #expect(3.multiplied(exactlyBy: 4) == 12)
    #expect((-7).divided(exactlyBy: 2) == -3)
  }

  @Test func sumsAndProductsOfNothing() {
    #expect([Int]().checkedSum == 0)
    #expect([Int]().checkedProduct == 1)
  }

  @Test func zeroHidesNoOverflow() {
    #expect([2, 3, 0].checkedProduct == 0)
    #expect([0, 1 << 62, 4].checkedProduct == nil)
    #expect([1 << 62, 4, 0].checkedProduct == nil)
    #expect([Int.max, 1].checkedSum == nil)
    #expect([Int.max, -1, 1].checkedSum == Int.max)
  }

  @Test func realNumbersAreClamped() {
    #expect(Int(clamping: .nan, to: 0...255) == 0)
    #expect(Int(clamping: .infinity, to: 0...255) == 255)
    #expect(Int(clamping: -1e300, to: 0...255) == 0)
    #expect(Int(clamping: 1e300, to: 0...255) == 255)
    #expect(Int(clamping: 2.5, to: 0...255) == 2)
    #expect(Int(clamping: 254.6, to: 0...255) == 255)
  }
}
