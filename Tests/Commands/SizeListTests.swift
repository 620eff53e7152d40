import Testing

@testable import Command
@testable import NetworkCommand

@Suite struct SizeListTests {
  @Test(arguments: [
    ("256", [256]), ("224,256,288", [224, 256, 288]), ("224:256:8", [224, 232, 240, 248, 256]),
    ("224:255:8", [224, 232, 240, 248]), ("7:9", [7, 8, 9]), ("64,48:64:8", [64, 48, 56]),
  ])
  func parses(_ text: String, _ sizes: [Int]) {
    #expect(SizeList(argument: text)?.sizes == sizes)
  }

  @Test(arguments: ["", "0", "-1", "a", "8:4:1", "8:16:0", "8,", "1:2:3:4", "16385", "99999999999999999999"])
  func refuses(_ text: String) {
    #expect(SizeList(argument: text) == nil)
  }
}
