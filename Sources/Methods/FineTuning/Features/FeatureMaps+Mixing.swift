import Platform

extension FeatureMaps {
  /// Fills this with mixtures of images of `source`: image i is `weight` times row i plus the rest times row
  /// i − 1; the first one's partner is the last.
  ///
  /// Maps and residuals are mixed alike, in float32, as in "Manifold Mixup" (Verma et al. 2019).
  /// - Precondition: This is float32, of the shape of `source`, with room for `rows`.
  func store(mixing source: FeatureMaps, _ rows: ArraySlice<Int>, weight: Float, pool: ThreadPool) {
    var expected = source.shape
    (expected.count, expected.element) = (shape.count, .f32)
    precondition(shape == expected && rows.count <= shape.count)
    switch source.shape.element {
    case .f32: mix(Float32Lanes.self, source, rows, weight, pool)
    case .f16: mix(Float16Lanes.self, source, rows, weight, pool)
    case .bf16: mix(BFloat16Lanes.self, source, rows, weight, pool)
    }
  }

  private func mix<Stored: StoredLanes>(
    _ stored: Stored.Type, _ source: FeatureMaps, _ rows: ArraySlice<Int>, _ weight: Float, _ pool: ThreadPool
  ) {
    let rows = Array(rows)
    pool.forEach(rows.count) { index, _ in
      let own = source.blocks(stored, of: rows[index])
      let partner = source.blocks(stored, of: rows[index > 0 ? index - 1 : rows.count - 1])
      let target = blocks(Float32Lanes.self, of: index)
      for block in 0..<shape.stride / FeatureShape.lanes {
        let first = block * shape.runs
        for run in first..<first + shape.runs {
          target[run] = Float32Lanes(decoded: own[run].decoded * weight + partner[run].decoded * (1 - weight))
        }
        storeMoments(target + first, at: index * shape.stride + block * FeatureShape.lanes)
      }
    }
  }
}
