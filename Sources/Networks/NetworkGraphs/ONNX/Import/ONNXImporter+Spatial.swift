import Checkpoint

/// Operators that change the size of a map.
extension ONNXImporter {
  static let spatialRules: [String: Rule] = [
    "ConvTranspose": { importer, node in [.map(try importer.transposedConvolution(node))] },
    "Resize": { importer, node in [.map(try importer.resize(node))] },
    "Upsample": { importer, node in [.map(try importer.upsample(node))] },
    "SpaceToDepth": { importer, node in [.map(try importer.spaceToDepth(node))] },
    "DepthToSpace": { importer, node in [.map(try importer.depthToSpace(node))] },
  ]

  private static let largestFactor = 64.0

  // MARK: Transposed convolutions

  private mutating func transposedConvolution(_ node: ONNXNode) throws -> MapView {
    let weight = try parameter(node, 1, "weight")
    guard weight.shape.count == 4, weight.isPlain, weight.shape.allSatisfy({ $0 > 0 }) else {
      throw unsupported(node, "expected a weight [inputs, outputs, rows, columns], found \(weight.shape)")
    }
    let input = try plain(try map(node), for: node)
    let window = try window(node, kernel: Array(weight.shape[2...]))
    guard case .explicit = window.padding else {
      throw unsupported(node, "auto_pad of a transposed convolution is not supported")
    }
    let groups = node.int("group") ?? 1
    let (outputs, overflow) = weight.shape[1].multipliedReportingOverflow(by: groups)
    guard groups > 0, !overflow, outputs <= 1 << 24, weight.shape[0] == input.size.channels,
      weight.shape[0] % groups == 0
    else {
      throw unsupported(
        node,
        "a weight of shape \(weight.shape) in \(groups) groups does not fit \(input.size.channels) channels")
    }
    let added = node.ints("output_padding") ?? [0, 0]
    guard added.count == 2, added[0] >= 0, added[1] >= 0,
      added[0] < max(window.stride.height, window.dilation.height),
      added[1] < max(window.stride.width, window.dilation.width)
    else { throw unsupported(node, "the output_padding \(added) is impossible") }
    guard !node.has("output_shape") else {
      throw unsupported(node, "an output_shape is not supported, as it holds for one size of the input alone")
    }
    let bias = try bias(node, 2, channels: outputs)
    let key = try resolve(weight).name
    let operation = TransposedConvolution(
      weight: key, bias: bias.key, window: window,
      outputPadding: TransposedConvolution.Extent(rows: added[0], columns: added[1]), groups: groups,
      inputChannels: input.size.channels, outputChannels: outputs)
    let result = try append(
      Self.module(of: key, or: node), .transposedConvolution(operation), [input], channels: outputs,
      isPixel: false)
    return try shifted(result, by: bias.rest, node)
  }

  // MARK: Resizing

  private mutating func resize(_ node: ONNXNode) throws -> MapView {
    let view = try map(node)
    guard node.int("antialias") ?? 0 == 0, node.int("exclude_outside") ?? 0 == 0 else {
      throw unsupported(node, "antialias and exclude_outside are not supported")
    }
    guard node.text("keep_aspect_ratio_policy") ?? "stretch" == "stretch" else {
      throw unsupported(node, "of policies about the aspect ratio that of stretching is supported")
    }
    // Operator set 10 has no region before the factors, and neither attributes nor sizes.
    let isOld = model.opset < 11
    let name = node.text("coordinate_transformation_mode") ?? (isOld ? "asymmetric" : "half_pixel")
    guard let coordinates = Resampling.Coordinates(rawValue: name) else {
      throw unsupported(node, "the coordinate_transformation_mode \"\(name)\" is not supported")
    }
    let filter = try filter(node, rounding: isOld ? "floor" : "round_prefer_floor")
    let factors = try numbers(node, isOld ? 1 : 2).flatMap { $0.count == 0 ? nil : $0.reals }
    let sizes = isOld ? nil : try numbers(node, 3).flatMap { $0.count == 0 ? nil : $0 }
    guard (factors == nil) != (sizes == nil) else {
      throw unsupported(node, "expected either constant factors or sizes from the arithmetic of shapes")
    }
    let axes = try node.ints("axes").map { try $0.map { try axis(node, $0, rank: view.rank) } }
    func complete<Number>(_ given: [Number], _ others: [Number]) throws -> [Number] {
      guard let axes else { return given }
      guard axes.count == given.count, Set(axes).count == axes.count else {
        throw unsupported(node, "axes and factors do not fit")
      }
      var all = others
      for (axis, value) in zip(axes, given) { all[axis] = value }
      return all
    }
    if let factors {
      let whole = try complete(factors, view.shape.map { _ in 1.0 })
      return try resampled(node, view, filter, coordinates, factors: whole)
    }
    guard let ints = sizes?.ints else { throw unsupported(node, "the sizes are expected to be integers") }
    let whole = try complete(ints, view.shape)
    let input = try plain(view, for: node)
    guard whole.count == 4, Array(whole[..<2]) == Array(input.shape[..<2]),
      whole[2...].allSatisfy({ (1...1 << 16).contains($0) })
    else { throw unsupported(node, "\(input.shape) cannot be resized to \(whole)") }
    return try append(
      node.name,
      .resample(
        Resampling(
          filter: filter, coordinates: coordinates, target: .size(rows: whole[2], columns: whole[3]))),
      [input], channels: input.size.channels, isPixel: false)
  }

  /// The resizing of operator sets up to 9.
  private mutating func upsample(_ node: ONNXNode) throws -> MapView {
    let view = try map(node)
    guard let factors = try node.reals("scales") ?? numbers(node, 1)?.reals else {
      throw unsupported(node, "the factors are missing")
    }
    return try resampled(node, view, try filter(node, rounding: "floor"), .asymmetric, factors: factors)
  }

  private func filter(_ node: ONNXNode, rounding: String) throws -> Resampling.Filter {
    switch node.text("mode") ?? "nearest" {
    case "nearest":
      let name = node.text("nearest_mode") ?? rounding
      guard let rounding = Resampling.Rounding(rawValue: name) else {
        throw unsupported(node, "the nearest_mode \"\(name)\" is not known")
      }
      return .nearest(rounding)
    case "linear", "bilinear": return .linear
    case let mode: throw unsupported(node, "the mode \"\(mode)\" is not supported: nearest and linear are")
    }
  }

  private mutating func resampled(
    _ node: ONNXNode, _ view: MapView, _ filter: Resampling.Filter, _ coordinates: Resampling.Coordinates,
    factors: [Double]
  ) throws -> MapView {
    let input = try plain(view, for: node)
    guard factors.count == 4, factors[0] == 1, factors[1] == 1,
      factors[2...].allSatisfy({ $0 > 0 && $0 <= Self.largestFactor })
    else { throw unsupported(node, "expected factors for rows and columns, found \(factors)") }
    let (rows, columns) = (factors[2], factors[3])
    if rows == 1 && columns == 1 { return input }
    // Every pixel becomes a block of equal ones.
    if Self.makesBlocks(filter, coordinates), rows == rows.rounded(), columns == columns.rounded() {
      return try append(
        node.name, .enlarge(rows: Int(rows), columns: Int(columns)), [input], channels: input.size.channels,
        isPixel: false)
    }
    return try append(
      node.name,
      .resample(
        Resampling(
          filter: filter, coordinates: coordinates, target: .factors(rows: rows, columns: columns))),
      [input], channels: input.size.channels, isPixel: false)
  }

  /// True if a whole factor repeats pixels evenly.
  private static func makesBlocks(_ filter: Resampling.Filter, _ coordinates: Resampling.Coordinates) -> Bool
  {
    guard case .nearest(let rounding) = filter else { return false }
    return switch (coordinates, rounding) {
    case (.asymmetric, .floor), (.tfHalfPixelForNearest, .floor): true
    case (.halfPixel, .preferFloor), (.halfPixel, .preferCeil): true
    case (.halfPixelSymmetric, .preferFloor), (.halfPixelSymmetric, .preferCeil): true
    case (.pytorchHalfPixel, .preferFloor), (.pytorchHalfPixel, .preferCeil): true
    default: false
    }
  }

  // MARK: Blocks and steps

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
      !(down.isEmpty && right.isEmpty), let channels = Self.positions(view.axes[0]),
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

  /// Every `step`th row or column from `start` on, as far as the map reaches: the four slices of YOLOv5's `Focus`.
  mutating func stepping(
    _ view: MapView, axis: Int, start: Int, end: Int, step: Int, _ node: ONNXNode
  ) throws -> MapView {
    let extent = view.shape[axis]
    guard view.isPlain, axis >= 2, (1...64).contains(step), (0..<min(extent, 64)).contains(start) else {
      throw unsupported(node, "steps along rows and columns of \(view.shape) are expected to be from 1 to 64")
    }
    // An end before the last pixel would cut another part of another size.
    guard end >= extent else {
      throw unsupported(node, "a slice in steps is expected to reach to the end of its axis")
    }
    let steps = Steps(start: start, step: step)
    return try append(
      node.name,
      axis == 2 ? .subsample(rows: steps, columns: Steps()) : .subsample(rows: Steps(), columns: steps),
      [view], channels: view.size.channels, isPixel: false)
  }
}
