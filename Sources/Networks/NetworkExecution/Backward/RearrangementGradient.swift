import Platform

/// Operations that move channels or tokens: concatenation, slices, shuffles, ranges of tokens.
final class RearrangementGradient: LayerGradient {
  /// Consecutive channels of an input and their place in the result.
  struct Run {
    var input = 0
    let from: Int
    let to: Int
    let count: Int
  }

  private let runs: [Run]
  /// Pixel of the input that is the first pixel of the result.
  private let firstPixel: Int

  /// - Parameters:
  ///   - runs: Where the channels of the result come from; together they cover it.
  ///   - firstPixel: Pixel of the inputs at which the result begins.
  init(_ runs: [Run], firstPixel: Int = 0) {
    self.runs = runs
    self.firstPixel = firstPixel
  }

  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    each(x, y, pass) { from, to, count in to.update(from: from, count: count) }
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    each(dx, dy, pass) { target, slope, count in
      for index in 0..<count { target[index] += slope[index] }
    }
  }

  /// Calls `body` with the places of every run and pixel in an input and in the result.
  private func each(
    _ inputs: [FeatureMap?], _ result: FeatureMap, _ pass: TuningPass,
    _ body: (_ input: UnsafeMutablePointer<Float>, _ result: UnsafeMutablePointer<Float>, _ count: Int) ->
      Void
  ) {
    pass.pool.forEach(result.images) { image, _ in
      for run in runs {
        guard let input = inputs[run.input] else { continue }
        var a = input.image(image) + firstPixel * input.channels + run.from
        var b = result.image(image) + run.to
        for _ in 0..<result.size.pixels {
          body(a, b, run.count)
          a += input.channels
          b += result.channels
        }
      }
    }
  }
}

extension RearrangementGradient {
  /// The channels of maps of these numbers of channels, one after the other.
  convenience init(concatenating channels: [Int]) {
    var first = 0
    var runs: [Run] = []
    for (input, count) in channels.enumerated() {
      runs.append(Run(input: input, from: 0, to: first, count: count))
      first += count
    }
    self.init(runs)
  }

  /// Output channel i is input channel `order[i]`.
  convenience init(order: [Int]) {
    self.init(order.enumerated().map { Run(from: $1, to: $0, count: 1) })
  }
}
