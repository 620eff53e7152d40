import Platform

/// A dense array of 32-bit floats in row-major order; the last axis is contiguous.
///
/// Images and feature maps are `[n, h, w, c]` (NHWC). The storage is aligned to 64 bytes and shared by reference;
/// whoever writes it must be its only user at that time.
public final class Tensor: @unchecked Sendable {
  /// Extent of every axis, outermost first.
  public let shape: [Int]
  /// Number of elements.
  public let count: Int
  /// The first element; valid as long as the tensor is.
  public let pointer: UnsafeMutablePointer<Float>

  /// A tensor whose contents are undefined until written.
  /// - Parameter shape: Extent of every axis, not negative; the element count must be representable.
  public init(uninitialized shape: [Int]) {
    precondition(shape.allSatisfy { $0 >= 0 }, "negative extent in \(shape)")
    self.shape = shape
    count = shape.reduce(1, *)
    var storage: UnsafeMutableRawPointer?
    let bytes = max(count, 1) * MemoryLayout<Float>.stride
    let alignment = bytes >= 2 * Self.hugePage ? Self.hugePage : 64
    guard posix_memalign(&storage, alignment, bytes) == 0, let storage else {
      fatalError("out of memory: \(bytes) bytes for a tensor \(shape)")
    }
    #if os(Linux)
      // Large maps are streamed: with small pages the processor would spend its time on page tables. Only advice.
      if alignment == Self.hugePage { madvise(storage, bytes, MADV_HUGEPAGE) }
    #endif
    pointer = storage.bindMemory(to: Float.self, capacity: max(count, 1))
  }

  private static let hugePage = 2 << 20

  /// A tensor of zeros.
  public convenience init(shape: [Int]) {
    self.init(uninitialized: shape)
    pointer.initialize(repeating: 0, count: count)
  }

  /// A tensor with the given elements in row-major order.
  public convenience init(shape: [Int], values: [Float]) {
    self.init(uninitialized: shape)
    precondition(values.count == count, "\(values.count) values for a tensor \(shape)")
    values.withUnsafeBufferPointer { source in
      if let base = source.baseAddress { pointer.update(from: base, count: count) }
    }
  }

  deinit { free(pointer) }

  /// A copy of the elements in row-major order.
  public var values: [Float] { Array(UnsafeBufferPointer(start: pointer, count: count)) }

  /// Gives write access to the elements for the duration of `body`.
  public func withMutableBuffer<Result, Failure: Error>(
    _ body: (UnsafeMutableBufferPointer<Float>) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    try body(UnsafeMutableBufferPointer(start: pointer, count: count))
  }
}
