import Platform

/// Size of one image's map at some node.
package struct MapSize: Sendable, Equatable {
  package var height: Int
  package var width: Int
  package var channels: Int

  package init(height: Int, width: Int, channels: Int) {
    self.height = height
    self.width = width
    self.channels = channels
  }

  package var pixels: Int { height * width }
  package var count: Int { pixels * channels }
}

extension Graph {
  /// The size of every node's map for an input of the given size, checked before any arithmetic.
  package func sizes(height: Int, width: Int) throws(NetworkError) -> [MapSize] {
    guard height % sizeDivisor == 0, width % sizeDivisor == 0 else {
      throw NetworkError.inputNotDivisible(height: height, width: width, divisor: sizeDivisor)
    }
    var sizes: [MapSize] = []
    sizes.reserveCapacity(nodes.count)
    for node in nodes {
      let inputs = node.inputs.map { sizes[$0] }
      guard let size = Self.size(of: node, inputs: inputs, height: height, width: width) else {
        throw NetworkError.inputTooSmall(height: height, width: width, layer: node.name)
      }
      sizes.append(size)
    }
    return sizes
  }

  /// The size of a node's map given those of its inputs, or nil where they do not fit or the map is empty.
  package static func size(of node: Node, inputs: [MapSize], height: Int, width: Int) -> MapSize? {
    func slide(_ window: Window) -> MapSize? {
      window.geometry(height: inputs[0].height, width: inputs[0].width).map {
        MapSize(height: $0.outputHeight, width: $0.outputWidth, channels: node.channels)
      }
    }
    switch node.operation {
    case .input:
      return height > 0 && width > 0 ? MapSize(height: height, width: width, channels: node.channels) : nil
    case .convolution(let convolution): return slide(convolution.window)
    case .maxPool(let window), .averagePool(let window, _): return slide(window)
    case .globalAverage, .globalMax: return MapSize(height: 1, width: 1, channels: node.channels)
    case .adaptiveAverage(let height, let width):
      return MapSize(height: height, width: width, channels: node.channels)
    case .linear(let linear):
      guard inputs[0].height == linear.height, inputs[0].width == linear.width else { return nil }
      return MapSize(height: 1, width: 1, channels: node.channels)
    case .batchNorm, .activation, .slice, .shuffle, .affine, .function, .reorder, .sumOfGroups:
      return MapSize(height: inputs[0].height, width: inputs[0].width, channels: node.channels)
    case .gate:
      return inputs[1].pixels == 1 ? inputs[0] : nil
    case .pad(let margins):
      let (rows, columns) = (inputs[0].height, inputs[0].width)
      guard margins.fit(rows: rows, columns: columns) else { return nil }
      return MapSize(
        height: rows + margins.top + margins.bottom, width: columns + margins.left + margins.right,
        channels: node.channels)
    case .spaceToDepth(let rows, let columns):
      guard inputs[0].height % rows == 0, inputs[0].width % columns == 0 else { return nil }
      return MapSize(
        height: inputs[0].height / rows, width: inputs[0].width / columns, channels: node.channels)
    case .enlarge(let rows, let columns):
      return MapSize(
        height: inputs[0].height * rows, width: inputs[0].width * columns, channels: node.channels)
    case .acrossChannels, .softmax: return inputs[0].pixels == 1 ? inputs[0] : nil
    case .mask:
      guard inputs[0].height == inputs[1].height, inputs[0].width == inputs[1].width else { return nil }
      return inputs[0]
    case .add, .multiply, .concatenate:
      guard inputs.allSatisfy({ $0.height == inputs[0].height && $0.width == inputs[0].width }) else {
        return nil
      }
      return MapSize(height: inputs[0].height, width: inputs[0].width, channels: node.channels)
    }
  }

  /// Multiply-adds of the convolutions and fully connected layers for one image; no more than 2^56, which nobody waits for.
  package func multiplyAdds(height: Int, width: Int) throws(NetworkError) -> Int {
    let largest = 1 << 56
    var total = 0
    for (node, size) in zip(nodes, try sizes(height: height, width: width)) {
      let product: Int? =
        switch node.operation {
        case .convolution(let convolution): size.count.multiplied(exactlyBy: convolution.depth)
        case .linear(let linear): linear.inputs.multiplied(exactlyBy: linear.outputChannels)
        default: 0
        }
      total = min(total + min(product ?? largest, largest), largest)
    }
    return total
  }
}
