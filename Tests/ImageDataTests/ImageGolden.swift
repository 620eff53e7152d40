import Foundation
import ImageData
import Statistics
import TestSupport

/// Reference results of Pillow and torchvision, recorded by `fixtures/goldens/ImageData/make_image_goldens.py`.
enum ImageGolden {
  static func rows(_ table: String) throws -> [[String]] {
    let text = try String(contentsOfFile: Fixtures.path("goldens/ImageData/\(table)"), encoding: .utf8)
    return text.split(separator: "\n").filter { !$0.hasPrefix("#") }
      .map { $0.split(separator: "\t").map(String.init) }
  }

  static func file(_ name: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(fileURLWithPath: Fixtures.path("goldens/ImageData/corpus/\(name)"))))
  }

  /// 64-bit FNV-1a as sixteen hexadecimal digits.
  static func hash(_ bytes: some Sequence<UInt8>) -> String {
    let value = bytes.reduce(0xcbf2_9ce4_8422_2325 as UInt64) { ($0 ^ UInt64($1)) &* 0x100_0000_01b3 }
    let digits = String(value, radix: 16)
    return String(repeating: "0", count: 16 - digits.count) + digits
  }

  static func hash(_ floats: [Float]) -> String {
    floats.withUnsafeBytes { hash($0) }
  }

  /// The script's noise: low bytes of SplitMix64, only black and white for odd seeds.
  static func noise(width: Int, height: Int, seed: Int) -> RGBImage {
    var generator = SeededGenerator(seed: UInt64(seed))
    let pixels = (0..<width * height * 3).map { _ in
      let byte = UInt8(truncatingIfNeeded: generator.next())
      return seed.isMultiple(of: 2) ? byte : (byte >> 7) &* 255
    }
    return RGBImage(width: width, height: height, pixels: pixels)
  }
}
