import Platform

extension BandImage {
  /// The values of `window` of the image resized to `width` x `height`, `[rows, columns, channels]`.
  ///
  /// Rows first, then columns, each with weights of Pillow's filters in float64; the result of the first pass is rounded
  /// to float32.
  func resized(width: Int, height: Int, interpolation: Interpolation, window: PixelWindow) -> [Float] {
    let columns = interpolation.spans(from: self.width, to: width, window.x..<window.x + window.width)
    let rows = interpolation.spans(from: self.height, to: height, window.y..<window.y + window.height)
    // Rows of the image that the result depends on.
    let first = rows.map(\.first).min() ?? 0
    let end = rows.map { $0.first + $0.weights.count }.max() ?? 0
    let rowSize = window.width * channels
    var narrow = [Float](repeating: 0, count: (end - first) * rowSize)
    for row in first..<end {
      for (column, span) in columns.enumerated() {
        for channel in 0..<channels {
          var sum = 0.0
          for (offset, weight) in span.weights.enumerated() {
            sum += weight * Double(values[(row * self.width + span.first + offset) * channels + channel])
          }
          narrow[(row - first) * rowSize + column * channels + channel] = Float(sum)
        }
      }
    }
    var result = [Float](repeating: 0, count: window.height * rowSize)
    for (row, span) in rows.enumerated() {
      for place in 0..<rowSize {
        var sum = 0.0
        for (offset, weight) in span.weights.enumerated() {
          sum += weight * Double(narrow[(span.first - first + offset) * rowSize + place])
        }
        result[row * rowSize + place] = Float(sum)
      }
    }
    return result
  }
}

/// Neighboring pixels of an axis and their weights, whose sum is 1.
struct FilterSpan: Equatable {
  let first: Int
  let weights: [Double]
}

extension Interpolation {
  /// The pixels that some positions of a resized axis are computed from, as Pillow's `precompute_coeffs` has them.
  func spans(from size: Int, to target: Int, _ positions: Range<Int>) -> [FilterSpan] {
    let scale = Double(size) / Double(target)
    if self == .nearest {
      return positions.map {
        FilterSpan(first: min(Int((Double($0) + 0.5) * scale), size - 1), weights: [1])
      }
    }
    if size == target { return positions.map { FilterSpan(first: $0, weights: [1]) } }
    let stretch = max(scale, 1)
    let support = radius * stretch
    return positions.map { position in
      let center = (Double(position) + 0.5) * scale
      let first = max(0, Int(center - support + 0.5))
      let end = min(size, Int(center + support + 0.5))
      let weights = (first..<end).map { weight((Double($0) - center + 0.5) / stretch) }
      let sum = weights.reduce(0, +)
      return FilterSpan(first: first, weights: sum == 0 ? weights : weights.map { $0 / sum })
    }
  }

  private var radius: Double {
    switch self {
    case .nearest, .box: 0.5
    case .bilinear, .hamming: 1
    case .bicubic: 2
    case .lanczos: 3
    }
  }

  private func weight(_ x: Double) -> Double {
    let distance = abs(x)
    func sinc(_ x: Double) -> Double { x == 0 ? 1 : sin(x * .pi) / (x * .pi) }
    switch self {
    case .nearest, .box: return x > -0.5 && x <= 0.5 ? 1 : 0
    case .bilinear: return max(0, 1 - distance)
    case .hamming: return distance >= 1 ? 0 : sinc(x) * (0.54 + 0.46 * cos(x * .pi))
    case .bicubic:
      // Keys' cubic, a = -0.5.
      if distance < 1 { return (1.5 * distance - 2.5) * distance * distance + 1 }
      return distance < 2 ? ((-0.5 * distance + 2.5) * distance - 4) * distance + 2 : 0
    case .lanczos: return distance < 3 ? sinc(x) * sinc(x / 3) : 0
    }
  }
}
