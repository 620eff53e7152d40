import CNetworkKernels
import CPlatform
import NetworkGraphs
import Platform

/// Storage format of activations in a scratch file; all arithmetic is float32.
public enum ScratchElement: String, Sendable, CaseIterable {
  /// 32 bits: exact.
  case f32
  /// IEEE half precision, 16 bits: 11 significant bits, largest number 65504.
  case f16

  var byteCount: Int { self == .f32 ? 4 : 2 }
}

/// An unnamed file for maps that exceed their share of memory.
final class ScratchFile {
  struct Slot {
    var offset: Int
    var byteCount: Int
  }

  private let descriptor: Int32
  private let folder: String
  private let element: ScratchElement
  private var end = 0
  /// Conversion buffer for values that are stored in another format than in memory.
  private var halves = UnsafeMutableBufferPointer<UInt16>(start: nil, count: 0)
  /// Slots that have been released.
  private var freeSlots: [Slot] = []

  /// - Throws: `NetworkError.scratchFile` when no file can be created in `folder`.
  init(folder: String, element: ScratchElement) throws(NetworkError) {
    descriptor = ck_scratch_file(folder)
    self.folder = folder
    self.element = element
    guard descriptor >= 0 else { throw Self.failure(folder, errno) }
  }

  deinit {
    close(descriptor)
    halves.deallocate()
  }

  /// A slot for `count` values: a released one, if one is large enough but not twice as large.
  func allocate(_ count: Int) -> Slot {
    let byteCount = count * element.byteCount
    var best: Int?
    for (index, slot) in freeSlots.enumerated()
    where slot.byteCount >= byteCount && slot.byteCount < 2 * byteCount {
      if best.map({ freeSlots[$0].byteCount > slot.byteCount }) ?? true { best = index }
    }
    if let best { return freeSlots.remove(at: best) }
    defer { end += byteCount }
    return Slot(offset: end, byteCount: byteCount)
  }

  func free(_ slot: Slot) { freeSlots.append(slot) }

  /// - Throws: `NetworkError.scratchFile`, and `.scratchOverflow` for a value that half precision cannot
  ///   represent.
  func write(_ values: UnsafeBufferPointer<Float>, to slot: Slot) throws(NetworkError) {
    guard element == .f16 else { return try write(UnsafeRawBufferPointer(values), to: slot) }
    let stored = room(values.count)
    guard ck_half_store(values.baseAddress!, stored.baseAddress!, values.count) == 0 else {
      throw .scratchOverflow
    }
    try write(UnsafeRawBufferPointer(stored), to: slot)
  }

  /// - Throws: `NetworkError.scratchFile`.
  func read(_ slot: Slot, into values: UnsafeMutableBufferPointer<Float>) throws(NetworkError) {
    guard element == .f16 else { return try read(slot, into: UnsafeMutableRawBufferPointer(values)) }
    let stored = room(values.count)
    try read(slot, into: UnsafeMutableRawBufferPointer(stored))
    ck_half_load(stored.baseAddress!, values.baseAddress!, values.count)
  }

  private func room(_ count: Int) -> UnsafeMutableBufferPointer<UInt16> {
    if halves.count < count {
      halves.deallocate()
      halves = .allocate(capacity: count)
    }
    return UnsafeMutableBufferPointer(rebasing: halves.prefix(count))
  }

  private func write(_ bytes: UnsafeRawBufferPointer, to slot: Slot) throws(NetworkError) {
    let code = writeAll(descriptor, bytes, at: slot.offset)
    guard code == 0 else { throw Self.failure(folder, code) }
  }

  private func read(_ slot: Slot, into bytes: UnsafeMutableRawBufferPointer) throws(NetworkError) {
    let (count, code) = readAll(descriptor, at: slot.offset, into: bytes)
    guard code == 0, count == bytes.count else { throw Self.failure(folder, code == 0 ? EIO : code) }
  }

  private static func failure(_ folder: String, _ code: Int32) -> NetworkError {
    .scratchFile(folder: folder, reason: String(cString: strerror(code)))
  }
}
