import Checkpoint
import Platform

/// Maps at other sizes: resizing, and convolutions that enlarge.
extension ONNXImporter {
  static let resamplingRules: [String: Rule] = [
    "Resize": { importer, node in [.map(try importer.resize(node))] },
    "Upsample": { importer, node in [.map(try importer.upsample(node))] },
    "ConvTranspose": { importer, node in [.map(try importer.transposedConvolution(node))] },
    "Col2Im": { importer, node in [.map(try importer.foldBlocks(node))] },
  ]

  // MARK: Resizing

  private mutating func resize(_ node: ONNXNode) throws -> MapView {
    let view = try map(node)
    guard node.int("antialias") ?? 0 == 0 else { throw unsupported(node, "antialias is not supported") }
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
    let resampling = Resampling(
      filter: filter, coordinates: coordinates, target: .size(rows: whole[2], columns: whole[3]))
    return try append(
      node.name, .resample(resampling), [input], channels: input.size.channels, isPixel: false)
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
    let excludesOutside = node.int("exclude_outside") ?? 0 != 0
    switch node.text("mode") ?? "nearest" {
    case "cubic":
      return .cubic(
        coefficient: Float(node.real("cubic_coeff_a") ?? -0.75), excludesOutside: excludesOutside)
    case _ where excludesOutside: throw unsupported(node, "exclude_outside is supported in cubic mode only")
    case "nearest":
      let name = node.text("nearest_mode") ?? rounding
      guard let rounding = Resampling.Rounding(rawValue: name) else {
        throw unsupported(node, "the nearest_mode \"\(name)\" is not known")
      }
      return .nearest(rounding)
    case "linear", "bilinear":
      // PyTorch's exporter writes pixels' centers as their corners there, and warns: the file is another network.
      guard model.opset >= 11 || model.producer != "pytorch" else {
        throw unsupported(
          node,
          "operator set \(model.opset) cannot say how PyTorch places the pixels; export with opset_version=11 or more"
        )
      }
      return .linear
    case let mode:
      throw unsupported(node, "the mode \"\(mode)\" is not supported: nearest, linear and cubic are")
    }
  }

  private mutating func resampled(
    _ node: ONNXNode, _ view: MapView, _ filter: Resampling.Filter, _ coordinates: Resampling.Coordinates,
    factors: [Double]
  ) throws -> MapView {
    let input = try plain(view, for: node)
    guard factors.count == 4, factors[0] == 1, factors[1] == 1,
      factors[2...].allSatisfy({ (1e-3...1e3).contains($0) })
    else { throw unsupported(node, "expected factors for rows and columns, found \(factors)") }
    let (rows, columns) = (factors[2], factors[3])
    // In all other coordinates the pixels of a map of the same size are the map's.
    if rows == 1 && columns == 1 && coordinates != .tfHalfPixelForNearest { return input }
    // Every pixel becomes a block of equal ones.
    if Self.makesBlocks(filter, coordinates), rows == rows.rounded(), columns == columns.rounded() {
      return try append(
        node.name, .enlarge(rows: Int(rows), columns: Int(columns)), [input], channels: input.size.channels,
        isPixel: false)
    }
    let resampling = Resampling(
      filter: filter, coordinates: coordinates, target: .factors(rows: rows, columns: columns))
    return try append(
      node.name, .resample(resampling), [input], channels: input.size.channels, isPixel: false)
  }

  /// True if a whole factor repeats pixels evenly.
  private static func makesBlocks(_ filter: Resampling.Filter, _ coordinates: Resampling.Coordinates) -> Bool
  {
    guard case .nearest(let rounding) = filter else { return false }
    return switch (coordinates, rounding) {
    case (.asymmetric, .floor), (.tfHalfPixelForNearest, .floor): true
    // (x + 1/2) / n - 1/2 lies within half a pixel of its source, and on the edge for no x of whole n.
    case (.halfPixel, .preferFloor), (.halfPixel, .preferCeil): true
    case (.halfPixelSymmetric, .preferFloor), (.halfPixelSymmetric, .preferCeil): true
    case (.pytorchHalfPixel, .preferFloor), (.pytorchHalfPixel, .preferCeil): true
    default: false
    }
  }

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
    guard groups > 0, let outputs = weight.shape[1].multiplied(exactlyBy: groups), outputs <= 1 << 24,
      weight.shape[0] == input.size.channels, weight.shape[0].isMultiple(of: groups)
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

  /// Blocks [images, channels * rows * columns, places] added up where they overlap (PyTorch's `fold`): a transposed
  /// convolution in which every channel of a block goes to its own pixel.
  private mutating func foldBlocks(_ node: ONNXNode) throws -> MapView {
    let view = try map(node)
    guard let size = try numbers(node, 1)?.ints, let block = try numbers(node, 2)?.ints, size.count == 2,
      block.count == 2, view.rank == 3, size.allSatisfy({ (1...1 << 16).contains($0) })
    else { throw unsupported(node, "expected blocks of rows and columns, found \(view.shape)") }
    let window = try window(node, kernel: block)
    guard let geometry = window.geometry(height: size[0], width: size[1]),
      geometry.outputHeight * geometry.outputWidth == view.shape[2],
      view.shape[1].isMultiple(of: window.taps), view.shape[1] * window.taps <= 1 << 22
    else { throw unsupported(node, "blocks of shape \(view.shape) do not fit an image of \(size)") }
    let channels = view.shape[1] / window.taps
    let shape = [view.shape[0], view.shape[1], geometry.outputHeight, geometry.outputWidth]
    guard case .map(let blocks) = try reshape(.map(view), shape, node) else {
      throw unsupported(node, "of such an operand is not supported")
    }
    let input = try plain(blocks, for: node)
    // [channel][tap of the block][tap of the window]
    let weight = (0..<view.shape[1] * window.taps).map { index in
      index / window.taps % window.taps == index % window.taps ? 1.0 : 0
    }
    let key = keep(
      Numbers(reals: weight, shape: [view.shape[1], 1, window.kernel.height, window.kernel.width]))
    func convolution(_ added: TransposedConvolution.Extent) -> TransposedConvolution {
      TransposedConvolution(
        weight: key, bias: nil, window: window, outputPadding: added, groups: channels,
        inputChannels: view.shape[1], outputChannels: channels)
    }
    let none = TransposedConvolution.Extent(rows: 0, columns: 0)
    guard
      let reach = convolution(none).outputSize(
        height: geometry.outputHeight, width: geometry.outputWidth)
    else { throw unsupported(node, "blocks of shape \(view.shape) do not fit an image of \(size)") }
    // Rows and columns that no whole window reaches are zeros.
    let added = TransposedConvolution.Extent(rows: size[0] - reach.height, columns: size[1] - reach.width)
    return try append(
      node.name, .transposedConvolution(convolution(added)), [input], channels: channels, isPixel: false)
  }
}
