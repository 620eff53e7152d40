import NetworkGraphs

/// The pixels that a sliding window reads, tap by tap, on maps of all images of a batch. Rows number the pixels of all
/// images.
struct WindowTaps {
  private let window: Window
  private let geometry: Window.Geometry
  private var outputPixels: Int { geometry.outputHeight * geometry.outputWidth }
  private var inputPixels: Int { geometry.height * geometry.width }

  /// - Parameters:
  ///   - input: Size of the map that the window slides over.
  ///   - output: Size of the result, which the graph has computed from it.
  init(_ window: Window, input: MapSize, output: MapSize) {
    self.window = window
    geometry = window.geometry(height: input.height, width: input.width)!
    precondition(geometry.outputHeight == output.height && geometry.outputWidth == output.width)
  }

  /// Row of the input that `tap` reads for a row of the output; nil in the padding.
  func source(_ row: Int, tap: Int) -> Int? {
    let (image, pixel) = (row / outputPixels, row % outputPixels)
    let y =
      pixel / geometry.outputWidth * window.stride.height - geometry.padTop
      + tap / window.kernel.width * window.dilation.height
    let x =
      pixel % geometry.outputWidth * window.stride.width - geometry.padLeft
      + tap % window.kernel.width * window.dilation.width
    guard y >= 0, y < geometry.height, x >= 0, x < geometry.width else { return nil }
    return image * inputPixels + y * geometry.width + x
  }

  /// Row of the output for which `tap` reads a row of the input; nil if there is none.
  func target(_ row: Int, tap: Int) -> Int? {
    let (image, pixel) = (row / inputPixels, row % inputPixels)
    let y =
      pixel / geometry.width + geometry.padTop - tap / window.kernel.width * window.dilation.height
    let x =
      pixel % geometry.width + geometry.padLeft - tap % window.kernel.width * window.dilation.width
    guard y >= 0, x >= 0, y % window.stride.height == 0, x % window.stride.width == 0 else { return nil }
    let (row, column) = (y / window.stride.height, x / window.stride.width)
    guard row < geometry.outputHeight, column < geometry.outputWidth else { return nil }
    return image * outputPixels + row * geometry.outputWidth + column
  }

  /// Copies for every output row of `rows` some channels of the pixels that the taps read, `[row][tap][channel]`, zeros
  /// in the padding.
  func gather(
    _ map: FeatureMap, _ rows: Range<Int>, channels: Range<Int>, taps: Range<Int>? = nil,
    into target: UnsafeMutablePointer<Float>
  ) {
    copy(map, rows, channels, taps ?? 0..<window.taps, into: target) { source($0, tap: $1) }
  }

  /// Copies for every input row of `rows` some channels of the output's pixels that have read it, `[row][tap][channel]`.
  func gatherTurned(
    _ map: FeatureMap, _ rows: Range<Int>, channels: Range<Int>, into target: UnsafeMutablePointer<Float>
  ) {
    copy(map, rows, channels, 0..<window.taps, into: target) { self.target($0, tap: $1) }
  }

  @inline(__always)
  private func copy(
    _ map: FeatureMap, _ rows: Range<Int>, _ channels: Range<Int>, _ taps: Range<Int>,
    into target: UnsafeMutablePointer<Float>, from place: (_ row: Int, _ tap: Int) -> Int?
  ) {
    var target = target
    for row in rows {
      for tap in taps {
        if let source = place(row, tap) {
          target.update(
            from: map.pointer + source * map.channels + channels.lowerBound, count: channels.count)
        } else {
          target.update(repeating: 0, count: channels.count)
        }
        target += channels.count
      }
    }
  }
}
