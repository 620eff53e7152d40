/// Many byte strings in one allocation: a million file names cost their bytes and little more.
struct PackedStrings: Sendable {
  private var bytes: [UInt8] = []
  private var ends: [Int] = []

  var count: Int { ends.count }

  mutating func append(_ string: [UInt8]) {
    bytes += string
    ends.append(bytes.count)
  }

  subscript(index: Int) -> ArraySlice<UInt8> { bytes[(index == 0 ? 0 : ends[index - 1])..<ends[index]] }
}
