import NetworkGraphs
import Platform
import TensorMath

extension NetworkCut {
  /// Floats at the cut of an image are filled up to a multiple of this, the width of the vectors that store them.
  package static let mapAlignment = 8

  /// Floats of all maps at the cut of one image.
  func floatsPerImage(_ sizes: [MapSize]) -> Int {
    let count = entries.reduce(0) { $0 + sizes[$1].count }
    return (count + Self.mapAlignment - 1) / Self.mapAlignment * Self.mapAlignment
  }
}

extension Network {
  /// Floats that `maps(at:of:)` returns for an image of the given size.
  ///
  /// - Throws: `NetworkError.inputTooSmall`.
  package func floats(at cut: NetworkCut, height: Int, width: Int) throws -> Int {
    cut.floatsPerImage(try plan.graph.sizes(height: height, width: width))
  }

  /// The maps that cross a cut, residual branches included, in inference mode.
  ///
  /// - Parameters:
  ///   - cut: A place in this network.
  ///   - input: `[n, h, w, channels]`, normalized as in training.
  /// - Returns: `[n, floats]`: for every image the maps at the cut, one after the other in execution order, then zeros.
  /// - Throws: `NetworkError.wrongInput`, `NetworkError.inputTooSmall`.
  package func maps(at cut: NetworkCut, of input: Tensor) throws -> Tensor {
    let sizes = try plan.graph.sizes(height: input.shape[1], width: input.shape[2])
    let floats = cut.floatsPerImage(sizes)
    let result = Tensor(shape: [try imageCount(input), floats])
    let keeping = Plan(plan.graph, keeping: Set(cut.entries))
    let end = keeping.steps.lastIndex { cut.entries.contains($0.output) }.map { $0 + 1 } ?? 0
    try forEachChunk(of: input, end: end, plan: keeping) { executor, first in
      var target = result.pointer + first * floats
      for image in 0..<executor.images {
        var place = target
        for node in cut.entries {
          let map = executor.map(node)
          copyPixels(of: map, image: image, to: place)
          place += map.size.count
        }
        target += floats
      }
    }
    return result
  }

  private func copyPixels(of map: FeatureMap, image: Int, to target: UnsafeMutablePointer<Float>) {
    for pixel in 0..<map.size.pixels {
      (target + pixel * map.size.channels).update(
        from: map.image(image) + pixel * map.stride, count: map.size.channels)
    }
  }
}
