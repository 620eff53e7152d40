import Testing

@testable import Averaging

@Suite struct NaturalOrderTests {
  @Test func numbersCompareByValue() {
    let ordered = [
      "a", "epoch-2", "epoch-9", "epoch-09", "epoch-10", "epoch-10-ema", "epoch-10.pt",
      "epoch-123456789012345678901234567890", "epoch-223456789012345678901234567890", "run2/epoch-1",
      "run10/epoch-1",
    ].sorted(by: NaturalOrder.precedes)
    #expect(
      ordered == [
        "a", "epoch-2", "epoch-09", "epoch-9", "epoch-10", "epoch-10-ema", "epoch-10.pt",
        "epoch-123456789012345678901234567890", "epoch-223456789012345678901234567890", "run2/epoch-1",
        "run10/epoch-1",
      ])
  }

  @Test func orderIsTotal() {
    let names = ["1", "01", "001", "a1b2", "a01b2", "a1b02", "a", "", "é", "e\u{301}"]
    for a in names {
      #expect(!NaturalOrder.precedes(a, a))
      for b in names where !a.utf8.elementsEqual(b.utf8) {
        #expect(NaturalOrder.precedes(a, b) != NaturalOrder.precedes(b, a), "\(a) \(b)")
      }
    }
  }
}
