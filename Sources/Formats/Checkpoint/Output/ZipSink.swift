/// A sink whose file is a zip archive with a record for every tensor.
protocol ZipSink: TensorSink {
  var output: OutputFile { get }
  var zip: ZipWriter { get set }

  /// Starts the record of a tensor.
  func begin(_ spec: TensorSpec) throws
}

extension ZipSink {
  var canReplaceMetadata: Bool { true }

  func write(_ bytes: UnsafeRawBufferPointer, of spec: TensorSpec) throws {
    if !zip.isUnderway { try begin(spec) }
    try zip.append(bytes)
  }

  func end(_ spec: TensorSpec) throws {
    // Nothing is written of a tensor without elements.
    if !zip.isUnderway { try begin(spec) }
    try zip.end()
  }

  func commit() throws { try output.commit() }

  func abort() { output.abort() }
}
