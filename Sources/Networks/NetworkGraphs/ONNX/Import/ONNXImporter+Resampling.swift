import Checkpoint
import Platform

/// Maps at other sizes: resizing, and convolutions that enlarge.
extension ONNXImporter {
  static let resamplingRules: [String: Rule] = [
    "Resize": { importer, node in [.map(try importer.resize(node))] },
    "Upsample": { importer, node in [.map(try importer.resize(node))] },
    "ConvTranspose": { importer, node in [.map(try importer.transposedConvolution(node))] },
    "Col2Im": { importer, node in [.map(try importer.foldBlocks(node))] },
  ]

  // MARK: Resize

  private mutating func resize(_ node: ONNXNode) throws -> MapView {
    let input = try plain(try map(node), for: node)
    let isResize = node.type == "Resize"
    guard node.int("antialias") ?? 0 == 0, node.ints("axes") == nil,
      (node.text("keep_aspect_ratio_policy") ?? "stretch") == "stretch"
    else { throw unsupported(node, "antialias, axes and a policy of the aspect ratio are not supported") }
    let (height, width) = try extents(node, input, isResize: isResize)
    let coordinates = try isResize ? coordinates(node) : .asymmetric
    let filter = try filter(node)
    if [height, width].allSatisfy({ $0.extent == .factor(1) }) { return input }
    let isBound = height.isBound || width.isBound
    // Whole factors of nearest pixels repeat them, however coordinates are rounded.
    if !isBound, case .nearest(let rounding) = filter, case .factor(let rows) = height.extent,
      case .factor(let columns) = width.extent, rows == rows.rounded(), columns == columns.rounded(),
      (1...64).contains(rows), (1...64).contains(columns), repeatsPixels(rounding, coordinates, rows, columns)
    {
      return try append(
        node.name, .enlarge(rows: Int(rows), columns: Int(columns)), [input], channels: input.size.channels,
        isPixel: false)
    }
    let resampling = Resampling(
      filter: filter, coordinates: coordinates, height: height.extent, width: width.extent,
      source: isBound ? input.size : nil)
    return try append(
      node.name, .resample(resampling), [input], channels: input.size.channels, isPixel: false)
  }

  /// True if every pixel becomes a block of equal ones.
  private func repeatsPixels(
    _ rounding: Resampling.Rounding, _ coordinates: Resampling.Coordinates, _ rows: Float, _ columns: Float
  ) -> Bool {
    switch coordinates {
    case .asymmetric: rounding == .down || max(rows, columns) == 1
    // (x + 1/2) / n - 1/2 lies within half a pixel of its source, and on the edge for no x of whole n.
    case .halfPixel, .halfPixelOfSeveral: rounding == .halfDown || rounding == .halfUp
    case .alignedCorners: false
    }
  }

  /// The result's extents, and whether they hold for the example's size alone.
  private func extents(_ node: ONNXNode, _ input: MapView, isResize: Bool) throws -> (
    height: (extent: Resampling.Extent, isBound: Bool), width: (extent: Resampling.Extent, isBound: Bool)
  ) {
    let place = isResize ? 2 : 1
    let scales = try node.reals("scales") ?? numbers(node, place)?.reals ?? []
    if !scales.isEmpty {
      guard scales.count == 4, scales[0] == 1, scales[1] == 1,
        scales[2...].allSatisfy({ (1e-3...1e3).contains($0) })
      else { throw unsupported(node, "expected factors of rows and columns, found \(scales)") }
      return ((.factor(Float(scales[2])), false), (.factor(Float(scales[3])), false))
    }
    guard isResize, let sizes = try numbers(node, 3)?.ints, sizes.count == 4, sizes[0] == input.shape[0],
      sizes[1] == input.size.channels, sizes[2...].allSatisfy({ (1...1 << 16).contains($0) })
    else { throw unsupported(node, "expected a factor or a size of rows and columns") }
    // A file for one size does not say whether a size was computed from it.
    func extent(_ size: Int, _ own: Int) -> (Resampling.Extent, Bool) {
      !isFixed && size.isMultiple(of: own) ? (.factor(Float(size / own)), false) : (.pixels(size), true)
    }
    return (extent(sizes[2], input.size.height), extent(sizes[3], input.size.width))
  }

  private func coordinates(_ node: ONNXNode) throws -> Resampling.Coordinates {
    switch node.text("coordinate_transformation_mode") ?? "half_pixel" {
    case "half_pixel": return .halfPixel
    case "pytorch_half_pixel": return .halfPixelOfSeveral
    case "asymmetric": return .asymmetric
    case "align_corners": return .alignedCorners
    case let mode: throw unsupported(node, "coordinates \"\(mode)\" are not supported")
    }
  }

  private func filter(_ node: ONNXNode) throws -> Resampling.Filter {
    switch node.text("mode") ?? "nearest" {
    case "nearest":
      switch node.text("nearest_mode") ?? (node.type == "Resize" ? "round_prefer_floor" : "floor") {
      case "round_prefer_floor": return .nearest(.halfDown)
      case "round_prefer_ceil": return .nearest(.halfUp)
      case "floor": return .nearest(.down)
      case "ceil": return .nearest(.up)
      case let mode: throw unsupported(node, "rounding \"\(mode)\" is not known")
      }
    case "linear", "bilinear": return .linear
    case "cubic":
      return .cubic(
        coefficient: Float(node.real("cubic_coeff_a") ?? -0.75),
        excludesOutside: node.int("exclude_outside") ?? 0 != 0)
    case let mode: throw unsupported(node, "the mode \"\(mode)\" is not supported")
    }
  }

  // MARK: Transposed convolutions

  private mutating func transposedConvolution(_ node: ONNXNode) throws -> MapView {
    let weight = try parameter(node, 1, "weight")
    guard weight.shape.count == 4, weight.isPlain, node.text("auto_pad") ?? "NOTSET" == "NOTSET",
      node.ints("output_shape") == nil
    else {
      throw unsupported(node, "expected a weight [inputs, outputs, rows, columns] and explicit padding")
    }
    let input = try plain(try map(node), for: node)
    let window = try window(node, kernel: Array(weight.shape[2...]))
    let groups = node.int("group") ?? 1
    let extra = node.ints("output_padding") ?? [0, 0]
    guard groups > 0, weight.shape[0] == input.size.channels, weight.shape[0].isMultiple(of: groups),
      let outputs = weight.shape[1].multiplied(exactlyBy: groups), outputs > 0, extra.count == 2,
      extra.allSatisfy({ (0...64).contains($0) })
    else {
      throw unsupported(
        node,
        "a weight of shape \(weight.shape) in \(groups) groups does not fit \(input.size.channels) channels")
    }
    var bias: TensorName?
    if let value = operand(node, 2) {
      guard shape(of: value) == [outputs] else {
        throw unsupported(node, "a bias of shape \(shape(of: value)) does not fit \(outputs) channels")
      }
      switch value {
      case .parameter(let parameter): bias = try resolve(parameter).name
      case .numbers(let numbers): bias = keep(numbers)
      default: throw unsupported(node, "the bias is expected to be an initializer")
      }
    }
    let key = try resolve(weight).name
    let convolution = TransposedConvolution(
      weight: key, bias: bias, window: window, extraRows: extra[0], extraColumns: extra[1], groups: groups,
      inputChannels: input.size.channels, outputChannels: outputs)
    return try append(
      Self.module(of: key, or: node), .transposedConvolution(convolution), [input], channels: outputs,
      isPixel: false)
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
    // Rows and columns that no whole window reaches are zeros.
    let extra = (
      size[0] - Self.reach(geometry.outputHeight, window, vertical: true),
      size[1] - Self.reach(geometry.outputWidth, window, vertical: false)
    )
    let convolution = TransposedConvolution(
      weight: key, bias: nil, window: window, extraRows: extra.0, extraColumns: extra.1, groups: channels,
      inputChannels: view.shape[1], outputChannels: channels)
    return try append(
      node.name, .transposedConvolution(convolution), [input], channels: channels, isPixel: false)
  }

  /// Pixels that a number of windows reach, without the padding.
  private static func reach(_ count: Int, _ window: Window, vertical: Bool) -> Int {
    let (kernel, stride, dilation) =
      vertical
      ? (window.kernel.height, window.stride.height, window.dilation.height)
      : (window.kernel.width, window.stride.width, window.dilation.width)
    let padding = window.padding.amounts(
      vertical: vertical, size: count, kernel: kernel, stride: stride, dilation: dilation)
    return (count - 1) * stride + (kernel - 1) * dilation + 1 - padding.before - padding.after
  }
}
