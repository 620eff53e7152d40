extension SafetensorsHeader {
  /// The order in which the reference writer stores tensors: by descending element type, then by name.
  static func canonicalOrder(_ tensors: [TensorSpec]) -> [TensorSpec] {
    tensors.sorted { a, b in
      a.dtype == b.dtype ? a.name < b.name : a.dtype.rawValue > b.dtype.rawValue
    }
  }

  /// Length field and header for tensors stored in this order; padded with spaces to a multiple of 8.
  static func encode(_ tensors: [TensorSpec], metadata: Metadata) -> [UInt8] {
    var json: [UInt8] = [UInt8(ascii: "{")]
    if !metadata.isEmpty {
      json += "\"__metadata__\":".utf8
      JSON.object(metadata.sortedEntries.map { ($0.key, .string($0.value)) }).append(
        to: &json, isShown: false)
    }
    var offset = 0
    for tensor in tensors {
      if json.count > 1 { json.append(UInt8(ascii: ",")) }
      appendJSONString(tensor.name.string, to: &json)
      let end = offset + tensor.byteCount
      let shape = tensor.shape.map(String.init).joined(separator: ",")
      json += #":{"dtype":"\#(tensor.dtype)","shape":[\#(shape)],"data_offsets":[\#(offset),\#(end)]}"#.utf8
      offset = end
    }
    json.append(UInt8(ascii: "}"))
    json += repeatElement(UInt8(ascii: " "), count: (8 - json.count % 8) % 8)
    return littleEndianBytes(UInt64(json.count)) + json
  }
}

func littleEndianBytes<Value: FixedWidthInteger>(_ value: Value) -> [UInt8] {
  withUnsafeBytes(of: value.littleEndian) { Array($0) }
}
