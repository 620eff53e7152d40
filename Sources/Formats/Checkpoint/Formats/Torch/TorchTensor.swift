import Platform

/// A tensor of a PyTorch file: a strided view of a storage.
struct TorchTensor: Hashable {
  struct Storage: Hashable {
    var key: TensorName
    /// Bytes that the storage must have.
    var byteCount: Int
  }

  var dtype: DType
  var shape: [Int]
  /// Elements between neighbors along each dimension.
  var strides: [Int]
  /// First element, counted in elements of the storage.
  var offset: Int
  var storage: Storage

  /// Elements from the first to the last that the view touches, both included; 0 when it is empty.
  var extent: Int {
    shape.contains(0) ? 0 : zip(shape, strides).reduce(1) { $0 + ($1.0 - 1) * $1.1 }
  }

  /// True if elements stand in the storage as they stand in the tensor. Dimensions of 1 may have any stride.
  var isContiguous: Bool {
    var expected = 1
    for (dimension, stride) in zip(shape, strides).reversed() where dimension != 1 {
      if stride != expected { return false }
      expected *= dimension
    }
    return true
  }
}

/// Why an object of a pickle is no tensor that can be read.
struct TorchTensorError: Error {
  var reason: String
  init(_ reason: String) { self.reason = reason }
}

extension PickleGraph {
  private static let rebuilders: Set<String> = [
    "torch._utils._rebuild_tensor", "torch._utils._rebuild_tensor_v2", "torch._utils._rebuild_tensor_v3",
    "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state",
    "torch._tensor._rebuild_from_type_v2", "torch._utils._rebuild_sparse_tensor",
    "torch._utils._rebuild_sparse_csr_tensor", "torch._utils._rebuild_qtensor",
    "torch._utils._rebuild_nested_tensor", "torch._utils._rebuild_meta_tensor_no_storage",
    "torch._utils._rebuild_wrapper_subclass", "torch._utils._rebuild_device_tensor_from_numpy",
    "torch._utils._rebuild_device_tensor_from_cpu_tensor",
  ]

  /// True if the object is a tensor of any kind.
  func isTensor(_ reference: Reference) -> Bool {
    guard case .object(let callable, _, _, _) = nodes[reference], let name = global(callable) else {
      return false
    }
    return Self.rebuilders.contains(name)
  }

  /// The tensor that the object describes.
  ///
  /// - Throws: `TorchTensorError`.
  func tensor(_ reference: Reference) throws(TorchTensorError) -> TorchTensor {
    var reference = reference
    // Parameters and subclasses wrap a tensor; a chain of more than a few is an attack.
    for _ in 0..<8 {
      guard case .object(let callable, let argumentsReference, _, _) = nodes[reference],
        let name = global(callable),
        let arguments = tuple(argumentsReference)
      else { throw TorchTensorError("is not a tensor") }
      switch name {
      case "torch._utils._rebuild_parameter", "torch._utils._rebuild_parameter_with_state":
        guard let inner = arguments.first else { throw TorchTensorError("lacks arguments") }
        reference = inner
      case "torch._tensor._rebuild_from_type_v2":
        guard arguments.count >= 3, let inner = global(arguments[0]), let innerArguments = tuple(arguments[2])
        else {
          throw TorchTensorError("lacks arguments")
        }
        return try rebuilt(inner, innerArguments)
      default: return try rebuilt(name, arguments)
      }
    }
    throw TorchTensorError("is wrapped too often")
  }

  private func rebuilt(_ function: String, _ arguments: [Reference]) throws(TorchTensorError) -> TorchTensor {
    let metadata: Int
    switch function {
    case "torch._utils._rebuild_tensor": metadata = .max
    case "torch._utils._rebuild_tensor_v2": metadata = 6
    case "torch._utils._rebuild_tensor_v3": metadata = 7
    default:
      let kind = function.split(separator: ".").last.map(String.init) ?? function
      throw TorchTensorError("is sparse, quantised or of another kind that is not supported (\(kind))")
    }
    guard arguments.count >= 4, let offset = integer(arguments[1]), let shape = integers(arguments[2]),
      let strides = integers(arguments[3])
    else { throw TorchTensorError("lacks arguments") }
    var explicit: DType?
    if metadata == 7 {
      guard arguments.count >= 7, let name = global(arguments[6]) else {
        throw TorchTensorError("lacks arguments")
      }
      guard let dtype = TorchElement.dtype(name) else {
        throw TorchTensorError("has the element type \(name), which is not supported")
      }
      explicit = dtype
    }
    if arguments.count > metadata, members(arguments[metadata])?.isEmpty == false {
      throw TorchTensorError("is a lazy conjugate or negation, which is not supported")
    }
    let storage = try storage(arguments[0], explicit)
    return try checked(
      TorchTensor(
        dtype: storage.dtype, shape: shape, strides: strides, offset: offset, storage: storage.storage),
      offsetInStorage: storage.offset, limit: storage.count)
  }

  /// The numbers of a tuple or a `torch.Size` of up to 64 dimensions; nil for anything else.
  func integers(_ reference: Reference) -> [Int]? {
    var reference = reference
    // torch.Size(…)
    if case .object(let callable, let arguments, _, _) = nodes[reference], global(callable) == "torch.Size",
      let inner = tuple(arguments)?.first
    {
      reference = inner
    }
    guard let items = tuple(reference), items.count <= 64 else { return nil }
    let values = items.compactMap(integer)
    return values.count == items.count ? values : nil
  }

  /// Bounds: every element of the view lies within the storage.
  private func checked(
    _ tensor: TorchTensor, offsetInStorage: Int, limit: Int
  ) throws(TorchTensorError) -> TorchTensor {
    guard tensor.shape.count == tensor.strides.count else {
      throw TorchTensorError("has strides of another rank")
    }
    guard tensor.offset >= 0, tensor.shape.allSatisfy({ $0 >= 0 }), tensor.strides.allSatisfy({ $0 >= 0 }),
      checkedBitCount(tensor.dtype, tensor.shape) != nil
    else { throw TorchTensorError("has an impossible size, stride or offset") }
    var last = tensor.offset
    if !tensor.shape.contains(0) {
      for (dimension, stride) in zip(tensor.shape, tensor.strides) where dimension > 1 {
        let (span, overflow) = (dimension - 1).multipliedReportingOverflow(by: stride)
        let (sum, carry) = last.addingReportingOverflow(span)
        guard !overflow, !carry else { throw TorchTensorError("reaches beyond its storage") }
        last = sum
      }
      guard last < limit else { throw TorchTensorError("reaches beyond its storage") }
    }
    var result = tensor
    result.strides = zip(tensor.shape, tensor.strides).map { $0 > 1 ? $1 : 0 }
    result.offset = tensor.shape.contains(0) ? 0 : tensor.offset + offsetInStorage
    return result
  }

  /// Persistent identifier: `("storage", class, key, location, numel[, view])`.
  private func storage(
    _ reference: Reference, _ explicit: DType?
  ) throws(TorchTensorError) -> (storage: TorchTensor.Storage, dtype: DType, offset: Int, count: Int) {
    guard case .persistent(let identifier) = nodes[reference], let items = tuple(identifier),
      items.count >= 5,
      string(items[0]) == "storage", let type = global(items[1]), let key = string(items[2]),
      let count = integer(items[4]), count >= 0
    else { throw TorchTensorError("has no storage") }
    let dtype: DType
    var byteCount = count
    if TorchElement.isUntypedStorage(type) {
      guard let explicit else { throw TorchTensorError("has a storage without element type") }
      dtype = explicit
    } else {
      guard let typed = TorchElement.storage(type), explicit == nil || explicit == typed else {
        throw TorchTensorError("has the storage \(escapedForDiagnostics(type)), which is not supported")
      }
      dtype = typed
      let (bytes, overflow) = count.multipliedReportingOverflow(by: dtype.bitWidth / 8)
      guard !overflow else { throw TorchTensorError("has an impossible storage size") }
      byteCount = bytes
    }
    let elements = byteCount / (dtype.bitWidth / 8)
    var offset = 0
    var limit = elements
    if items.count > 5, let view = tuple(items[5]) {
      guard view.count == 3, let start = integer(view[1]), let size = integer(view[2]), start >= 0, size >= 0,
        start <= elements, size <= elements - start
      else { throw TorchTensorError("has a view beyond its storage") }
      offset = start
      limit = size
    }
    return (TorchTensor.Storage(key: TensorName(key), byteCount: byteCount), dtype, offset, limit)
  }
}

extension TorchTensor {
  /// Copies bytes of the tensor, counted from `byteOffset` in row-major order, out of its storage.
  func gather(
    from storage: UnsafeRawBufferPointer, at byteOffset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) {
    let width = dtype.bitWidth / 8
    var element = byteOffset / width
    // A read may begin or end amid an element.
    var skipped = byteOffset % width
    var done = 0
    let inner = shape.last ?? 1
    while done < buffer.count {
      let column = element % inner
      var position = offset + column * (strides.last ?? 0)
      var row = element / inner
      for dimension in shape.indices.dropLast().reversed() {
        position += row % shape[dimension] * strides[dimension]
        row /= shape[dimension]
      }
      let step = strides.last ?? 0
      for _ in column..<inner {
        let count = min(width - skipped, buffer.count - done)
        memcpy(buffer.baseAddress! + done, storage.baseAddress! + position * width + skipped, count)
        done += count
        skipped = 0
        element += 1
        position += step
        if done == buffer.count { return }
      }
    }
  }
}
