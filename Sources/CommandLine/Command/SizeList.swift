import ArgumentParser

/// Sizes in pixels as the command line writes them: `256`, `224,256,288` or `224:256:8`, also mixed by commas.
///
/// A range runs from the first size by the step to the last that does not pass the end.
package struct SizeList: ExpressibleByArgument, Sendable, Equatable {
  package let sizes: [Int]

  package static let limit = 1...16384

  package init?(argument: String) {
    var sizes: [Int] = []
    for part in argument.split(separator: ",", omittingEmptySubsequences: false) {
      let fields = part.split(separator: ":", omittingEmptySubsequences: false).map { Int($0) }
      guard fields.allSatisfy({ $0.map(Self.limit.contains) ?? false }) else { return nil }
      switch fields.count {
      case 1: sizes.append(fields[0]!)
      case 2, 3:
        let step = fields.count == 3 ? fields[2]! : 1
        guard fields[0]! <= fields[1]! else { return nil }
        sizes += stride(from: fields[0]!, through: fields[1]!, by: step)
      default: return nil
      }
    }
    var seen: Set<Int> = []
    self.sizes = sizes.filter { seen.insert($0).inserted }
  }
}
