import CPlatform
import Platform

/// Plain safetensors that come through a FIFO or a pipe and are read while they come.
///
/// Data can be asked for in the order of the file only, skipping what is not needed; a look back reaches
/// `lookBack` bytes. Several streams that advance in lockstep need memory for these windows, whatever their size. Where
/// the order does not suit, `spool()` copies the rest to a temporary file, after which any order does.
public final class StreamedCheckpoint: CheckpointSource {
  /// Bytes before the last one delivered that can still be read.
  public static let lookBack = 1 << 18
  private static let capacity = 1 << 19

  /// The name in diagnostics.
  public let label: String
  /// The tensors in the order in which their data come.
  public let tensors: [TensorSpec]
  /// The checkpoint's `__metadata__`.
  public let metadata: Metadata
  /// Bytes of the whole stream.
  public let byteCount: Int

  /// The prefix that wrappers had put before every name.
  public let origin: CheckpointOrigin

  private let positions: [TensorName: Int]
  private let offsets: [Int]
  /// Storage of the data once there is a temporary file.
  private let spooled: CheckpointStorage
  private let header: [UInt8]
  private let temporaryFolder: String
  private let state: Guarded<State>

  private struct State: ~Copyable {
    let source: InputFile.Opened
    /// The stream's bytes `start..<start + bytes.count`.
    var window: [UInt8]
    var start: Int
    var count = 0
    /// Gets every byte once, in order.
    var observer: (@Sendable (UnsafeRawBufferPointer) -> Void)?
    var file: InputFile?
    var end: Int { start + count }

    deinit { source.close() }
  }

  /// Reads the header.
  ///
  /// - Parameter beginning: What was read when nil is returned.
  /// - Returns: nil when the stream has to be spooled: a compressed container or another format.
  static func open(
    _ opened: InputFile.Opened, label: String, options: OpenOptions, beginning: inout [UInt8]
  ) throws -> StreamedCheckpoint? {
    do {
      try extend(&beginning, to: 16, from: opened, label: label)
      guard beginning.count == 16, FileFormat.foreign(beginning) == nil,
        FileFormat(prefix: beginning) == .safetensors
      else { return nil }
      let length = try SafetensorsHeader.length(Array(beginning[..<8]))
      try extend(&beginning, to: max(16, 8 + length), from: opened, label: label)
      // What is wrong with a short or odd stream is found where files are read, too.
      guard beginning.count == 8 + length else { return nil }
      let header = try SafetensorsHeader(parsing: Array(beginning[8...]))
      let isContainer =
        ContainerSeal.keys.contains { header.metadata[$0] != nil }
        || header.entries.contains { $0.spec.dtype == .u8 && $0.spec.shape.count == 1 }
      // The counter of an averaged model may stand anywhere among the data.
      let names = UnwrappedNames(header.entries.map(\.spec))
      if isContainer || names.counter != nil { return nil }
      return try StreamedCheckpoint(
        opened, header, names, beginning, label: label, temporaryFolder: options.temporaryFolder)
    } catch let fault as SafetensorsFault {
      opened.close()
      throw CheckpointError.invalidHeader(path: label, fault)
    } catch {
      opened.close()
      throw error
    }
  }

  private init(
    _ opened: InputFile.Opened, _ header: SafetensorsHeader, _ names: UnwrappedNames, _ bytes: [UInt8],
    label: String, temporaryFolder: String
  ) throws(CheckpointError) {
    self.label = label
    self.temporaryFolder = temporaryFolder
    self.header = bytes
    var tensors = header.entries.map(\.spec)
    var positions: [TensorName: Int] = [:]
    for (index, name) in names.names.enumerated() {
      let name = name ?? tensors[index].name
      if let other = positions.updateValue(index, forKey: name) {
        throw .nameCollision(
          path: label, name, header.entries[other].spec.name, header.entries[index].spec.name)
      }
      tensors[index].name = name
    }
    self.tensors = tensors
    self.positions = positions
    offsets = header.entries.map { header.dataStart + $0.begin }
    metadata = header.metadata
    byteCount = header.fileLength
    var origin = CheckpointOrigin(tiedTensors: header.metadata.tiedTensors)
    origin.wrapper = names.wrapper
    self.origin = origin
    spooled = header.storage(in: [])
    state = Guarded(State(source: opened, window: [], start: bytes.count))
  }

  private static func extend(
    _ bytes: inout [UInt8], to count: Int, from opened: InputFile.Opened, label: String
  ) throws {
    let chunk = UnsafeMutableRawBufferPointer.allocate(byteCount: 1 << 16, alignment: 16)
    defer { chunk.deallocate() }
    while bytes.count < count {
      let wanted = min(chunk.count, count - bytes.count)
      let found = try readSome(
        opened.descriptor, into: UnsafeMutableRawBufferPointer(rebasing: chunk[..<wanted]), label: label)
      if found == 0 { return }
      bytes += chunk[..<found]
    }
  }

  /// The place of a tensor in `tensors`.
  public func index(of name: TensorName) -> Int? { positions[name] }

  /// Where the data of a tensor begin in the stream.
  public func offset(of name: TensorName) -> Int? { positions[name].map { offsets[$0] } }

  /// True while data are still read from the stream itself.
  public var isLive: Bool { state.withLock { $0.file == nil } }

  /// Only the format, or the temporary file once there is one.
  public var storage: CheckpointStorage {
    guard let file = state.withLock({ $0.file }) else {
      return CheckpointStorage(formatDescription: spooled.formatDescription)
    }
    var storage = spooled
    storage.files = [file]
    return storage
  }

  /// A reader of a tensor, from the stream if that has come far enough and not gone past it.
  public func reader(at index: Int) -> TensorReader {
    let (spec, start) = (tensors[index], offsets[index])
    return { [self] byteOffset, buffer in
      try checkRange(of: spec, at: byteOffset, count: buffer.count)
      if buffer.isEmpty { return }
      let offset = start + byteOffset
      if let file = state.withLock({ $0.file }) { return try file.read(at: offset, into: buffer) }
      nonisolated(unsafe) let target = buffer
      try state.withLock { state in
        try copy(&state, from: offset, into: target)
      }
    }
  }

  private func copy(
    _ state: inout State, from offset: Int, into buffer: UnsafeMutableRawBufferPointer
  ) throws {
    var done = 0
    while done < buffer.count {
      let position = offset + done
      guard position >= state.start else {
        throw CheckpointError.invalidRequest(
          path: label, reason: "is a stream that has passed byte \(position)")
      }
      if position >= state.end {
        try refill(&state)
        continue
      }
      let count = min(buffer.count - done, state.end - position)
      state.window.withUnsafeBytes { window in
        let part = UnsafeRawBufferPointer(rebasing: window[(position - state.start)...].prefix(count))
        UnsafeMutableRawBufferPointer(rebasing: buffer[done...]).copyMemory(from: part)
      }
      done += count
    }
  }

  /// Takes what comes next, forgetting the oldest bytes of a full window.
  private func refill(_ state: inout State) throws {
    if state.window.isEmpty { state.window = [UInt8](repeating: 0, count: Self.capacity) }
    if state.count == state.window.count {
      let dropped = state.count - Self.lookBack
      state.window.withUnsafeMutableBytes {
        $0.copyBytes(from: UnsafeRawBufferPointer(rebasing: $0[dropped...]))
      }
      state.start += dropped
      state.count = Self.lookBack
    }
    let (free, label) = (state.count, label)
    let descriptor = state.source.descriptor
    let found = try state.window.withUnsafeMutableBytes {
      try readSome(descriptor, into: UnsafeMutableRawBufferPointer(rebasing: $0[free...]), label: label)
    }
    guard found > 0, state.end + found <= byteCount else {
      throw CheckpointError.invalidHeader(
        path: label, .incompleteBuffer(expected: byteCount, found: state.end + found))
    }
    if let observer = state.observer {
      state.window.withUnsafeBytes { observer(UnsafeRawBufferPointer(rebasing: $0[free..<free + found])) }
    }
    state.count += found
  }
}

extension StreamedCheckpoint {
  /// Lets `observer` see every byte of the stream, in order and before it is delivered; the header at once.
  ///
  /// - Precondition: No data after the header have been read.
  public func observe(_ observer: @escaping @Sendable (UnsafeRawBufferPointer) -> Void) {
    state.withLock { state in
      precondition(state.end == header.count, "the stream has been read from")
      header.withUnsafeBytes(observer)
      state.observer = observer
    }
  }

  /// Copies the whole stream to an unlinked temporary file, which is read from then on. Without effect afterwards.
  ///
  /// - Throws: An error of reading, or that the stream has another length than its header says.
  /// - Precondition: No data after the header have been read.
  public func spool() throws {
    try state.withLock { state in
      if state.file != nil { return }
      precondition(state.end == header.count, "the stream has been read from")
      let file = try Spool.copy(
        state.source.descriptor, after: header, label: label, temporaryFolder: temporaryFolder)
      _ = try SafetensorsFile.header(of: file)
      state.file = file
    }
  }

  /// Reads on to the end, for observers and to see that it is where the header says.
  ///
  /// - Throws: `CheckpointError.invalidHeader` when the stream ends early or goes on.
  public func drain() throws {
    try state.withLock { state in
      if state.file != nil { return }
      while state.end < byteCount { try refill(&state) }
      var extra: UInt8 = 0
      let found = try withUnsafeMutableBytes(of: &extra) {
        try readSome(state.source.descriptor, into: $0, label: label)
      }
      guard found == 0 else {
        throw CheckpointError.invalidHeader(
          path: label, .incompleteBuffer(expected: byteCount, found: byteCount + found))
      }
    }
  }
}

/// Copies a stream that cannot seek into an unlinked temporary file.
enum Spool {
  private static let chunk = 1 << 20

  /// - Parameter beginning: What has been read from the stream already.
  /// - Throws: An error of reading; `CheckpointError.invalidHeader` as soon as the beginning shows that no
  ///   checkpoint follows, so that an endless device does not fill the disk.
  static func copy(
    _ source: Int32, after beginning: [UInt8] = [], label: String, temporaryFolder: String
  ) throws -> InputFile {
    let temporary = try create(in: temporaryFolder)
    var keep = false
    defer { if !keep { close(temporary) } }

    var buffer = [UInt8](repeating: 0, count: chunk)
    var length = beginning.count
    try beginning.withUnsafeBytes { try writeAll(temporary, $0, label: temporaryFolder) }
    var limit: Int?
    while true {
      let count = try readOnce(source, into: &buffer, label: label)
      if count == 0 { break }
      try buffer.withUnsafeBytes { bytes in
        try writeAll(temporary, UnsafeRawBufferPointer(rebasing: bytes[..<count]), label: temporaryFolder)
      }
      length += count
      if limit == nil {
        limit = try expectedLength(
          InputFile(descriptor: temporary, length: length, label: label, closes: false))
      }
      // One byte too many is enough for the check of the length to fail.
      if let limit, length > limit { break }
    }
    keep = true
    return InputFile(descriptor: temporary, length: length, label: label)
  }

  /// An open file without a name.
  static func create(in folder: String) throws(CheckpointError) -> Int32 {
    let descriptor = ck_scratch_file(folder)
    guard descriptor >= 0 else {
      throw .cannotCreate(path: "scratch file in \(folder)", reason: systemMessage(errno))
    }
    return descriptor
  }

  /// Length of the stream that begins with `beginning`; nil while it cannot be told.
  private static func expectedLength(_ beginning: InputFile) throws -> Int? {
    guard beginning.length >= 16 else { return nil }
    guard try FileFormat(of: beginning) == .safetensors else { return Int.max }
    do {
      let length = try SafetensorsHeader.length(try beginning.bytes(at: 0, count: 8))
      guard beginning.length >= 8 + length else { return nil }
    } catch let fault as SafetensorsFault {
      throw CheckpointError.invalidHeader(path: beginning.label, fault)
    }
    return try SafetensorsFile.header(of: beginning, checkingLength: false).fileLength
  }

  private static func readOnce(_ source: Int32, into buffer: inout [UInt8], label: String) throws -> Int {
    try buffer.withUnsafeMutableBytes { try readSome(source, into: $0, label: label) }
  }
}

/// Reads what a descriptor has to give, at most as much as fits; returns 0 at the end.
func readSome(
  _ descriptor: Int32, into buffer: UnsafeMutableRawBufferPointer, label: String
) throws(CheckpointError) -> Int {
  while true {
    let count = read(descriptor, buffer.baseAddress!, buffer.count)
    if count >= 0 { return count }
    if errno != EINTR { throw .readFailed(path: label, code: errno) }
  }
}
