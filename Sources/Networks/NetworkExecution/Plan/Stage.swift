import NetworkGraphs

/// A run of steps and the number of images that pass through it at a time.
///
/// Early maps are large: with few images they stay in the cache. Late weights are large: many images share a
/// read.
struct Stage: Sendable, Equatable {
  var steps: Range<Int>
  var images: Int
  /// The only node that later stages read.
  var output: Int
}

extension Plan {
  /// Divides the first `end` steps into stages, between steps where only one map is passed on.
  /// - Parameters:
  ///   - sizes: Every node's map size.
  ///   - budget: Floats for the maps in use.
  ///   - mostImages: Images at a time where maps are small.
  func stages(end: Int, sizes: [MapSize], budget: Int, mostImages: Int = Self.mostImages) -> [Stage] {
    var stages: [Stage] = []
    var live: Set<Int> = [0]
    var (first, peak) = (0, 0)
    for index in 0..<end {
      live.insert(steps[index].output)
      peak = max(peak, live.reduce(0) { $0 + sizes[$1].count })
      live.subtract(released[index])
      guard live.count == 1 || index == end - 1 else { continue }
      var stage = Stage(
        steps: first..<index + 1, images: min(max(budget / max(peak, 1), 1), mostImages),
        output: live.first ?? steps[index].output)
      while let last = stages.last, stage.images < 2 * last.images {
        stage.steps = last.steps.lowerBound..<stage.steps.upperBound
        stage.images = min(last.images, stage.images)
        stages.removeLast()
      }
      stages.append(stage)
      (first, peak) = (index + 1, 0)
    }
    return stages
  }

  static let mostImages = 32
}
