/// Writes an archive of `numpy.savez`: one `.npy` record per tensor.
///
/// Source: NumPy Enhancement Proposal 1, version 1.0 of the format.
final class NumPySink: ZipSink {
  let output: OutputFile
  var zip: ZipWriter

  init(_ output: OutputFile, tensors: [TensorSpec]) throws(CheckpointError) {
    for spec in tensors {
      func refuse(_ reason: String) -> CheckpointError {
        .invalidRequest(path: output.label, reason: "tensor \"\(spec.name)\": \(reason)")
      }
      guard Self.typeCode(spec.dtype) != nil else {
        throw .unsupportedType(path: output.label, spec.name, spec.dtype, format: "a NumPy archive")
      }
      guard spec.shape.count <= 32 else { throw refuse("NumPy arrays have at most 32 dimensions") }
      guard spec.name.string.utf8.count <= 4096 else { throw refuse("the name is too long for an archive") }
    }
    self.output = output
    zip = ZipWriter(output)
  }

  func begin(_ spec: TensorSpec) throws {
    let header = Self.header(spec)
    try zip.begin("\(spec.name.string).npy", size: header.count + spec.byteCount)
    try header.withUnsafeBytes { try zip.append($0) }
  }

  func complete(metadata: Metadata?) throws { try zip.finish() }

  /// Magic, version, length, and the description as a Python literal, padded to a multiple of 64.
  private static func header(_ spec: TensorSpec) -> [UInt8] {
    let shape = spec.shape.map { "\($0)," }.joined()
    var text = Array(
      "{'descr': '\(typeCode(spec.dtype)!)', 'fortran_order': False, 'shape': (\(shape)), }".utf8)
    text += repeatElement(UInt8(ascii: " "), count: 63 - (10 + text.count) % 64)
    text.append(UInt8(ascii: "\n"))
    return [0x93] + Array("NUMPY".utf8) + [1, 0] + littleEndianBytes(UInt16(text.count)) + text
  }

  private static func typeCode(_ dtype: DType) -> String? {
    switch dtype {
    case .bool: "|b1"
    case .u8: "|u1"
    case .i8: "|i1"
    case .u16: "<u2"
    case .i16: "<i2"
    case .u32: "<u4"
    case .i32: "<i4"
    case .u64: "<u8"
    case .i64: "<i8"
    case .f16: "<f2"
    case .f32: "<f4"
    case .f64: "<f8"
    case .c64: "<c8"
    case .bf16, .f8e5m2, .f8e4m3, .f8e8m0, .f8e4m3fnuz, .f8e5m2fnuz, .f4, .f6e2m3, .f6e3m2: nil
    }
  }
}
