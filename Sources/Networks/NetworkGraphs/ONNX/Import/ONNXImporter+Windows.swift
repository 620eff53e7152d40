import Platform

extension ONNXImporter {
  static let poolingRules: [String: Rule] = [
    "MaxPool": { importer, node in [.map(try importer.maxPool(node))] },
    "AveragePool": { importer, node in [.map(try importer.averagePool(node))] },
    "GlobalAveragePool": { importer, node in [.map(try importer.global(node, .globalAverage))] },
    "GlobalMaxPool": { importer, node in [.map(try importer.global(node, .globalMax))] },
    "Pad": { importer, node in [.map(try importer.pad(node))] },
  ]

  private static let largestWindow = 1 << 12

  /// The window of a convolution or pooling.
  func window(_ node: ONNXNode, kernel: [Int]) throws -> Window {
    let strides = node.ints("strides") ?? [1, 1]
    let dilations = node.ints("dilations") ?? [1, 1]
    let pads = node.ints("pads") ?? [0, 0, 0, 0]
    let sizes = 1...Self.largestWindow
    guard kernel.count == 2, strides.count == 2, dilations.count == 2, pads.count == 4,
      node.ints("kernel_shape") ?? kernel == kernel
    else { throw unsupported(node, "expected two dimensions of window, stride, dilation and padding") }
    guard (kernel + strides + dilations).allSatisfy(sizes.contains),
      pads.allSatisfy({ (0...Self.largestWindow).contains($0) })
    else {
      throw unsupported(
        node,
        "the window \(kernel), stride \(strides), dilation \(dilations) or padding \(pads) is impossible")
    }
    let padding: Padding
    switch node.text("auto_pad") ?? "NOTSET" {
    case "NOTSET": padding = .explicit(top: pads[0], left: pads[1], bottom: pads[2], right: pads[3])
    case "VALID": padding = .all(0)
    case "SAME_UPPER": padding = .same
    case "SAME_LOWER": padding = .sameLower
    case let other: throw unsupported(node, "auto_pad \"\(other)\" is not known")
    }
    return Window(
      kernel: (kernel[0], kernel[1]), stride: (strides[0], strides[1]), padding: padding,
      dilation: (dilations[0], dilations[1]), ceilMode: node.int("ceil_mode") ?? 0 != 0)
  }

  private func poolingWindow(_ node: ONNXNode) throws -> Window {
    guard let kernel = node.ints("kernel_shape") else { throw unsupported(node, "has no kernel_shape") }
    return try window(node, kernel: kernel)
  }

  private mutating func maxPool(_ node: ONNXNode) throws -> MapView {
    var input = try plain(try map(node), for: node)
    var window = try poolingWindow(node)
    // Padding with values that are no larger than any in the map.
    if case .pad(let margins) = nodes[input.node].operation, case .constant(let value) = margins.filling,
      value <= -Float.greatestFiniteMagnitude, let joined = window.padded(by: margins)
    {
      let source = nodes[input.node].inputs[0]
      input = MapView(node: source, size: sizes[source], isPixel: false, batch: input.batch)
      window = joined
    }
    return try append(
      node.name, .maxPool(window), [input], channels: input.size.channels,
      isPixel: input.isPixel && window.isPointwise)
  }

  private mutating func averagePool(_ node: ONNXNode) throws -> MapView {
    let input = try plain(try map(node), for: node)
    let window = try poolingWindow(node)
    let countsPadding = node.int("count_include_pad") ?? 0 != 0
    return try append(
      node.name, .averagePool(window, countIncludePad: countsPadding), [input],
      channels: input.size.channels, isPixel: input.isPixel && window.isPointwise)
  }

  private mutating func global(_ node: ONNXNode, _ operation: Operation) throws -> MapView {
    let input = try plain(try map(node), for: node)
    return try append(node.name, operation, [input], channels: input.size.channels, isPixel: true)
  }

  private mutating func pad(_ node: ONNXNode) throws -> MapView {
    let view = try map(node)
    guard var pads = try integers(node, attribute: "pads", operand: 1) else {
      throw unsupported(node, "the padding is missing")
    }
    if let given = try integers(node, attribute: "", operand: 3) {
      guard pads.count == 2 * given.count else { throw unsupported(node, "padding and axes do not fit") }
      var all = Array(repeating: 0, count: 2 * view.rank)
      for (position, index) in given.enumerated() {
        let index = try axis(node, index, rank: view.rank)
        all[index] = pads[position]
        all[view.rank + index] = pads[given.count + position]
      }
      pads = all
    }
    guard pads.count == 2 * view.rank, pads.allSatisfy({ $0.magnitude <= Self.largestWindow }) else {
      throw unsupported(node, "the padding \(pads) is impossible")
    }
    if pads.allSatisfy({ $0 == 0 }) { return view }
    let isOfPixels = pads.count == 8 && [0, 1, 4, 5].allSatisfy { pads[$0] == 0 }
    guard isOfPixels, view.axes[0] == view.images else { return try padAxes(view, pads, node) }
    let input = try plain(view, for: node)
    var margins = Margins(top: pads[2], left: pads[3], bottom: pads[6], right: pads[7])
    switch node.text("mode") ?? "constant" {
    case "constant":
      margins.filling = .constant(Float(try paddingValue(node)))
    case "reflect": margins.filling = .reflect
    case "edge": margins.filling = .edge
    case let mode: throw unsupported(node, "padding of the mode \"\(mode)\" is not supported")
    }
    return try append(node.name, .pad(margins), [input], channels: input.size.channels, isPixel: false)
  }

  /// The number that constant padding fills in; an attribute before operator set 11.
  private func paddingValue(_ node: ONNXNode) throws -> Double {
    try node.real("value") ?? numbers(node, 2)?.uniform ?? 0
  }

  /// A value with constants joined to its axes, or with positions of them left out.
  private mutating func padAxes(_ view: MapView, _ pads: [Int], _ node: ONNXNode) throws -> MapView {
    guard node.text("mode") ?? "constant" == "constant" else {
      throw unsupported(node, "of other axes than rows and columns a padding with one number is supported")
    }
    let value = try paddingValue(node)
    var result = view
    for index in 0..<view.rank {
      let (before, after) = (pads[index], pads[view.rank + index])
      let extent = result.shape[index]
      let kept = extent + min(before, 0) + min(after, 0)
      guard kept > 0 else { throw unsupported(node, "nothing is left of \(view.shape)") }
      if kept < extent {
        result = try steps(result, index, from: max(0, -before), by: 1, count: kept, node)
      }
      func filling(_ count: Int) throws -> [MapView] {
        if count <= 0 { return [] }
        var shape = result.shape
        shape[index] = count
        guard let numbers = Numbers(reals: [value], shape: []).broadcast(to: shape) else {
          throw unsupported(node, "a padding of shape \(shape) is too large")
        }
        return [try lifted(.numbers(numbers), for: node)]
      }
      let parts = try filling(before) + [result] + filling(after)
      if parts.count > 1 { result = try joined(parts, index, node) }
    }
    return result
  }
}

extension Window {
  /// The window with the margins as part of its padding; nil where that is impossible.
  func padded(by margins: Margins) -> Window? {
    guard case .explicit(let top, let left, let bottom, let right) = padding, !ceilMode,
      min(margins.top, margins.left, margins.bottom, margins.right) >= 0
    else { return nil }
    var window = self
    window.padding = .explicit(
      top: top + margins.top, left: left + margins.left, bottom: bottom + margins.bottom,
      right: right + margins.right)
    return window
  }
}
