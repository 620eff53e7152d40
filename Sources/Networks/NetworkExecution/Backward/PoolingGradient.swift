import NetworkGraphs
import Platform

/// Maximum of sliding windows. Among equal values the first one, row by row, takes the derivative, as in PyTorch.
final class MaxPoolGradient: LayerGradient {
  private let window: Window

  init(_ window: Window) { self.window = window }

  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    each(x[0], y, pass) { source, row, channel in
      y.pointer[row * y.channels + channel] =
        source.map { x[0].pointer[$0 * y.channels + channel] } ?? -.infinity
    }
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    guard let dx = dx[0] else { return }
    each(x[0], y, pass) { source, row, channel in
      guard let source else { return }
      dx.pointer[source * y.channels + channel] += dy.pointer[row * y.channels + channel]
    }
  }

  /// Calls `body` with the row of the largest value of every window. Windows overlap, so an image is one task.
  private func each(
    _ x: FeatureMap, _ y: FeatureMap, _ pass: TuningPass,
    _ body: (_ source: Int?, _ row: Int, _ channel: Int) -> Void
  ) {
    let taps = WindowTaps(window, input: x.size, output: y.size)
    let (pixels, channels) = (y.size.pixels, y.channels)
    pass.pool.forEach(y.images) { image, _ in
      for row in image * pixels..<(image + 1) * pixels {
        let sources = (0..<window.taps).compactMap { taps.source(row, tap: $0) }
        for channel in 0..<channels {
          var best: Int?
          for source in sources {
            let value = x.pointer[source * channels + channel]
            if let known = best, !(value > x.pointer[known * channels + channel] || value.isNaN) { continue }
            best = source
          }
          body(best, row, channel)
        }
      }
    }
  }
}

/// Means of pixels: of sliding windows, of the cells of a grid, or of the whole map.
final class MeanPoolGradient: LayerGradient {
  /// Pixels of the input that a pixel of the result is the mean of, and its factor; both for one image.
  typealias Cell = (sources: [Int], factor: Float)

  private let cells: (_ input: MapSize, _ output: MapSize) -> [Cell]

  private init(_ cells: @escaping (_ input: MapSize, _ output: MapSize) -> [Cell]) { self.cells = cells }

  /// The mean of all pixels.
  static func whole() -> MeanPoolGradient {
    MeanPoolGradient { input, _ in [(Array(0..<input.pixels), 1 / Float(input.pixels))] }
  }

  /// The means of the cells of a grid, which may overlap (PyTorch's `AdaptiveAvgPool2d`).
  static func grid() -> MeanPoolGradient {
    MeanPoolGradient { input, output in
      func cell(_ index: Int, _ size: Int, _ cells: Int) -> Range<Int> {
        index * size / cells..<((index + 1) * size + cells - 1) / cells
      }
      return (0..<output.pixels).map { pixel in
        let rows = cell(pixel / output.width, input.height, output.height)
        let columns = cell(pixel % output.width, input.width, output.width)
        let sources = rows.flatMap { row in columns.map { row * input.width + $0 } }
        return (sources, 1 / Float(sources.count))
      }
    }
  }

  /// The means of sliding windows.
  ///
  /// - Parameter countsPadding: True if the padding counts as zeros, though not what `ceilMode` adds beyond it.
  static func sliding(_ window: Window, countsPadding: Bool) -> MeanPoolGradient {
    MeanPoolGradient { input, output in
      let taps = WindowTaps(window, input: input, output: output)
      let geometry = window.geometry(height: input.height, width: input.width)!
      func extent(_ place: Int, _ stride: Int, _ kernel: Int, _ before: Int, _ after: Int, _ size: Int) -> Int
      {
        let start = place * stride - before
        return min(start + kernel, size + after) - start
      }
      return (0..<output.pixels).map { pixel in
        let sources = (0..<window.taps).compactMap { taps.source(pixel, tap: $0) }
        guard countsPadding else { return (sources, 1 / Float(max(sources.count, 1))) }
        let rows = extent(
          pixel / output.width, window.stride.height, window.kernel.height, geometry.padTop,
          geometry.padBottom,
          input.height)
        let columns = extent(
          pixel % output.width, window.stride.width, window.kernel.width, geometry.padLeft, geometry.padRight,
          input.width)
        return (sources, 1 / Float(rows * columns))
      }
    }
  }

  func forward(_ x: [FeatureMap], into y: FeatureMap, _ pass: TuningPass) {
    let (places, channels) = (cells(x[0].size, y.size), y.channels)
    pass.pool.forEach(y.images) { image, _ in
      let from = x[0].image(image)
      var target = y.image(image)
      for cell in places {
        for first in stride(from: 0, to: channels, by: ColumnSums.block) {
          ColumnSums.each(rows: cell.sources.count, first..<min(first + ColumnSums.block, channels)) {
            from[cell.sources[$0] * channels + $1]
          } _: {
            target[$0] = Float($1) * cell.factor
          }
        }
        target += channels
      }
    }
  }

  func backward(
    _ x: [FeatureMap], _ y: FeatureMap, by dy: FeatureMap, into dx: [FeatureMap?], _ pass: TuningPass
  ) {
    guard let dx = dx[0] else { return }
    let (places, channels) = (cells(x[0].size, y.size), y.channels)
    pass.pool.forEach(y.images) { image, _ in
      let to = dx.image(image)
      var slope = dy.image(image)
      for cell in places {
        for source in cell.sources {
          let target = to + source * channels
          for channel in 0..<channels { target[channel] += slope[channel] * cell.factor }
        }
        slope += channels
      }
    }
  }
}
