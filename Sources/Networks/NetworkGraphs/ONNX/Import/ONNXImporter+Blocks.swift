/// Blocks of pixels that become channels, channels that become blocks of pixels, and every so many pixels.
extension ONNXImporter {
  static let blockRules: [String: Rule] = [
    "SpaceToDepth": { importer, node in [.map(try importer.spaceToDepth(node))] },
    "DepthToSpace": { importer, node in [.map(try importer.depthToSpace(node))] },
  ]

  private mutating func spaceToDepth(_ node: ONNXNode) throws -> MapView {
    let input = try plain(try map(node), for: node)
    let block = try block(node)
    return try append(
      node.name, .spaceToDepth(rows: block, columns: block), [input],
      channels: input.size.channels * block * block, isPixel: false)
  }

  /// In mode `CRD` the channels are [channel][row][column], in mode `DCR` [row][column][channel].
  private mutating func depthToSpace(_ node: ONNXNode) throws -> MapView {
    var input = try plain(try map(node), for: node)
    let block = try block(node)
    let channels = input.size.channels / (block * block)
    guard channels > 0, channels * block * block == input.size.channels else {
      throw unsupported(node, "\(input.size.channels) channels do not divide into blocks of \(block)")
    }
    switch node.text("mode") ?? "DCR" {
    case "DCR": break
    case "CRD":
      let order = (0..<block * block).flatMap { place in (0..<channels).map { $0 * block * block + place } }
      input = try append(
        node.name, .reorder(order), [input], channels: input.size.channels, isPixel: input.isPixel)
    case let mode: throw unsupported(node, "the mode \"\(mode)\" is not known")
    }
    return try append(
      node.name, .depthToSpace(rows: block, columns: block), [input], channels: channels, isPixel: false)
  }

  /// Depth to space: channels that have joined rows and columns become blocks of pixels; nil where none have.
  mutating func spread(
    _ view: MapView, rows: [MapView.Part], columns: [MapView.Part], for node: ONNXNode
  ) throws -> MapView? {
    func inner(_ axis: [MapView.Part], _ outer: [MapView.Part]) -> [MapView.Part]? {
      guard axis.starts(with: outer) else { return nil }
      let rest = Array(axis.dropFirst(outer.count))
      return rest.count <= 1 && rest.allSatisfy { $0.dimension == .channel } ? rest : nil
    }
    guard let down = inner(rows, view.rows), let right = inner(columns, view.columns),
      !(down.isEmpty && right.isEmpty), let channels = Self.positions(view.axes[1]),
      let tops = Self.positions(down), let lefts = Self.positions(right)
    else { return nil }
    let order = tops.flatMap { top in lefts.flatMap { left in channels.map { top + left + $0 } } }
    guard order.sorted() == Array(0..<view.size.channels) else { return nil }
    var source = view
    if order != Array(order.indices) {
      source = try append(
        node.name, .reorder(order), [view], channels: view.size.channels, isPixel: view.isPixel)
    }
    return try append(
      node.name, .depthToSpace(rows: tops.count, columns: lefts.count), [source], channels: channels.count,
      isPixel: false)
  }

  private func block(_ node: ONNXNode) throws -> Int {
    guard let block = node.int("blocksize"), (1...64).contains(block) else {
      throw unsupported(node, "has no blocksize")
    }
    return block
  }

  /// Every `step`th row or column from `start` on, as far as the map reaches, at any size of the input: the four slices of
  /// YOLOv5's `Focus`; nil for other slices.
  mutating func subsampled(
    _ view: MapView, axis: Int, start: Int, end: Int, step: Int, _ node: ONNXNode
  ) throws -> MapView? {
    let extent = view.shape[axis]
    // An end before the last pixel would cut another part of another size, and in a file for one size the last pixel's number
    // may have been given, or a start been computed from it; so is one that counts from the end.
    guard view.isPlain, axis >= 2, (2...64).contains(step), (0..<min(extent, 64)).contains(start),
      isFixed ? end > extent && start < step : end >= extent
    else { return nil }
    let steps = Steps(start: start, step: step)
    return try append(
      node.name,
      axis == 2 ? .subsample(rows: steps, columns: Steps()) : .subsample(rows: Steps(), columns: steps),
      [view], channels: view.size.channels, isPixel: false)
  }
}
