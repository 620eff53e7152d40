/// Takes the tensors of a `CheckpointWriter` in order.
protocol TensorSink: AnyObject {
  /// True if the metadata can still change when all data are there.
  var canReplaceMetadata: Bool { get }
  /// Data of `spec`, the tensor underway; an empty tensor has none.
  func write(_ bytes: UnsafeRawBufferPointer, of spec: TensorSpec) throws
  /// All data of this tensor have come.
  func end(_ spec: TensorSpec) throws
  /// All tensors have come: completes the file without giving it its name.
  func complete(metadata: Metadata?) throws
  /// Gives the file its name.
  func commit() throws
  /// Removes everything.
  func abort()
}
