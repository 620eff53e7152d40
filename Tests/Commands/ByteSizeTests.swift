import Testing

@testable import Command
@testable import NetworkCommand

@Suite struct ByteSizeTests {
  @Test(arguments: [
    ("0", 0), ("4096", 4096), ("12B", 12), ("1K", 1024), ("3k", 3072), ("1KiB", 1024), ("1KB", 1000),
    ("5GB", 5_000_000_000), ("5gib", 5 << 30), ("2T", 2 << 40), ("2TB", 2_000_000_000_000),
    ("512M", 512 << 20),
  ])
  func sizes(_ text: String, _ bytes: Int) { #expect(ByteSize(argument: text)?.bytes == bytes) }

  @Test(arguments: ["", "K", "-1", "1.5G", "1X", "1IB", "1KK", "1 G", "9999999999T", "99999999999999999999"])
  func noSizes(_ text: String) { #expect(ByteSize(argument: text) == nil) }

  @Test(arguments: [(0, "0"), (1000, "1000"), (4096, "4K"), (4 << 30, "4G"), (3 << 41, "6T")])
  func descriptions(_ bytes: Int, _ text: String) {
    #expect(ByteSize(bytes: bytes).description == text)
    #expect(ByteSize(argument: text)?.bytes == bytes)
  }
}
