import Testing

@testable import Statistics

struct PairedDifferencesTests {
  @Test func agreesWithStudentsDistributionOfTwoDegrees() {
    // t is the square root of 7, and P(|T| > t) = 1 - t / sqrt(2 + t^2).
    let differences = PairedDifferences([2, 4, 7], [1, 2, 3])
    #expect(abs(differences.mean - 7.0 / 3) < 1e-12)
    #expect(abs(differences.standardError - 0.8819171) < 1e-7)
    #expect(abs(differences.pValue - 0.1180829) < 1e-7)
    // The 97.5 % point of two degrees of freedom is 4.302653.
    #expect(abs(differences.interval.upperBound - (7.0 / 3 + 4.302653 * 0.8819171)) < 1e-5)
  }

  @Test func agreesWithStudentsDistributionOfOneDegree() {
    // Cauchy's: P(|T| > 3) = 1 - 2 atan(3) / pi.
    #expect(abs(PairedDifferences([1, 2], [0, 0]).pValue - 0.2048328) < 1e-7)
  }

  @Test func equalDifferencesAreCertain() {
    #expect(PairedDifferences([1, 1], [0, 0]).pValue == 0)
    #expect(PairedDifferences([1, 1], [1, 1]).pValue == 1)
  }

  @Test func aSinglePairHasNoSpread() {
    let one = PairedDifferences([3], [1])
    #expect(one.mean == 2 && one.interval == 2...2 && one.pValue.isNaN)
  }
}
