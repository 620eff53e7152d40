/// PyTorch's names of element types.
enum TorchElement {
  /// The type of a `torch.<Name>Storage` class.
  static func storage(_ global: String) -> DType? {
    switch global {
    case "torch.DoubleStorage": .f64
    case "torch.FloatStorage": .f32
    case "torch.HalfStorage": .f16
    case "torch.BFloat16Storage": .bf16
    case "torch.LongStorage": .i64
    case "torch.IntStorage": .i32
    case "torch.ShortStorage": .i16
    case "torch.CharStorage": .i8
    case "torch.ByteStorage": .u8
    case "torch.BoolStorage": .bool
    case "torch.ComplexFloatStorage": .c64
    default: nil
    }
  }

  static func isUntypedStorage(_ global: String) -> Bool {
    global == "torch.storage.UntypedStorage" || global == "torch.UntypedStorage"
  }

  /// The type of a `torch.<dtype>` object.
  static func dtype(_ global: String) -> DType? {
    switch global {
    case "torch.float64", "torch.double": .f64
    case "torch.float32", "torch.float": .f32
    case "torch.float16", "torch.half": .f16
    case "torch.bfloat16": .bf16
    case "torch.int64": .i64
    case "torch.int32": .i32
    case "torch.int16": .i16
    case "torch.int8": .i8
    case "torch.uint64": .u64
    case "torch.uint32": .u32
    case "torch.uint16": .u16
    case "torch.uint8": .u8
    case "torch.bool": .bool
    case "torch.complex64": .c64
    case "torch.float8_e5m2": .f8e5m2
    case "torch.float8_e4m3fn": .f8e4m3
    case "torch.float8_e8m0fnu": .f8e8m0
    case "torch.float8_e4m3fnuz": .f8e4m3fnuz
    case "torch.float8_e5m2fnuz": .f8e5m2fnuz
    default: nil
    }
  }

  /// Module and class of the storage that a tensor of `dtype` is written with, and the name of its element type where
  /// the storage has none; nil for types that PyTorch lacks.
  static func written(_ dtype: DType) -> (storage: String, dtype: String?)? {
    switch dtype {
    case .f64: ("torch\nDoubleStorage", nil)
    case .f32: ("torch\nFloatStorage", nil)
    case .f16: ("torch\nHalfStorage", nil)
    case .bf16: ("torch\nBFloat16Storage", nil)
    case .i64: ("torch\nLongStorage", nil)
    case .i32: ("torch\nIntStorage", nil)
    case .i16: ("torch\nShortStorage", nil)
    case .i8: ("torch\nCharStorage", nil)
    case .u8: ("torch\nByteStorage", nil)
    case .bool: ("torch\nBoolStorage", nil)
    case .c64: ("torch\nComplexFloatStorage", nil)
    case .u64: ("torch.storage\nUntypedStorage", "uint64")
    case .u32: ("torch.storage\nUntypedStorage", "uint32")
    case .u16: ("torch.storage\nUntypedStorage", "uint16")
    case .f8e5m2: ("torch.storage\nUntypedStorage", "float8_e5m2")
    case .f8e4m3: ("torch.storage\nUntypedStorage", "float8_e4m3fn")
    case .f8e8m0: ("torch.storage\nUntypedStorage", "float8_e8m0fnu")
    case .f8e4m3fnuz: ("torch.storage\nUntypedStorage", "float8_e4m3fnuz")
    case .f8e5m2fnuz: ("torch.storage\nUntypedStorage", "float8_e5m2fnuz")
    case .f4, .f6e2m3, .f6e3m2: nil
    }
  }
}

/// A number that a training program has stored in a checkpoint next to the weights, such as timm's `metric`.
///
/// - Parameters:
///   - key: Its key at the top level of a PyTorch file, or in the metadata of safetensors.
///   - path: A file that can be read twice.
///   - temporaryFolder: Where a stream would be copied to.
/// - Returns: nil when nothing has this key, or what has it is no number.
/// - Throws: `CheckpointError`.
public func storedNumber(
  _ key: String, in path: String, temporaryFolder: String = "/tmp"
) throws -> Double? {
  let file = try InputFile.open(.path(path), temporaryFolder: temporaryFolder)
  do {
    let contents: TorchContents
    switch try FileFormat(of: file) {
    case .safetensors: return try SafetensorsFile(file).metadata[key].flatMap { Double($0) }
    case .torchZip: contents = try TorchContents(zip: file)
    case .torchLegacy: contents = try TorchContents(legacy: file)
    }
    guard let reference = contents.graph.member(key, of: contents.root) else { return nil }
    switch contents.graph[reference] {
    case .float(let value): return value
    case .integer(let value): return Double(value)
    default: return nil
    }
  } catch let error as PickleError {
    throw CheckpointError.malformed(path: path, reason: "\(error)")
  } catch let error as ZipError {
    throw CheckpointError.malformed(path: path, reason: "\(error)")
  } catch let error as TorchTensorError {
    throw CheckpointError.malformed(path: path, reason: error.reason)
  }
}
