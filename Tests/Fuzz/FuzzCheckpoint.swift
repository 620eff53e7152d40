import Platform

@testable import Checkpoint

// libFuzzer targets for the formats of checkpoints; the environment's FUZZ_TARGET chooses.

/// What an input is taken for.
private enum Target: String { case header, pickle, zip, container, distributed, folder }

/// From the environment: `FUZZ_TARGET`.
private let target = getenv("FUZZ_TARGET").flatMap { Target(rawValue: String(cString: $0)) }!

/// Entry point of libFuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  switch target {
  case .header: _ = try? SafetensorsHeader(parsing: bytes)
  case .pickle:
    var interpreter = PickleInterpreter(bytes)
    if let root = try? interpreter.run() {
      let selection = StateDictSelection(graph: interpreter.graph, root: root)
      for entry in (try? selection.select(nil))?.candidate.tensors ?? [] {
        _ = try? interpreter.graph.tensor(entry.tensor)
      }
    }
  case .zip: readEverything(bytes)
  case .distributed: putTogether(bytes)
  case .folder: readFolder(bytes)
  case .container:
    // The input is a blob whose checksums are made right: fuzzing would never get past them.
    if let blob = sealed(bytes) {
      let tensor = TensorSpec(name: "w", dtype: .u8, shape: [blob.count])
      readEverything(SafetensorsHeader.encode([tensor], metadata: Metadata()) + blob)
    }
  }
  return 0
}

/// An unlinked file in memory that is written over for every input.
private let descriptor: CInt = try! Spool.create(in: "/dev/shm")

/// Opens the bytes as a checkpoint and reads all tensors.
func readEverything(_ bytes: [UInt8]) {
  guard ftruncate(descriptor, 0) == 0,
    bytes.withUnsafeBytes({ pwrite(descriptor, $0.baseAddress, $0.count, 0) }) == bytes.count
  else { return }
  let file = InputFile(descriptor: descriptor, length: bytes.count, label: "fuzz", closes: false)
  guard let source = try? openFile(file, options: OpenOptions()) else { return }
  for spec in source.tensors {
    precondition(spec.byteCount <= 1032 * bytes.count + 1 << 24, "larger than the file can mean")
    if spec.byteCount <= 1 << 20 { _ = try? source.value(spec.name) }
  }
}

/// The folder in memory that the files of an input are written to.
private let folder: String = {
  let path = "/dev/shm/fuzz-folder-\(getpid())"
  mkdir(path, 0o700)
  return path
}()

/// Takes the bytes for files, one after the other, writes them into a folder, opens that and reads all tensors.
///
/// A file is the length of its name, one byte, the name, the length of its content, four bytes, and the content.
private func readFolder(_ bytes: [UInt8]) {
  var names: [String] = []
  var rest = bytes[...]
  while names.count < 8, let count = rest.popFirst().map(Int.init), rest.count >= count + 4 {
    let name = String(
      decoding: rest.prefix(count).filter { $0 > 0x20 && $0 < 0x7F && $0 != 0x2F }, as: UTF8.self)
    rest = rest.dropFirst(count)
    let length = Int(ByteFields(Array(rest.prefix(4))).u32(0))
    let content = rest.dropFirst(4).prefix(length)
    rest = rest.dropFirst(4 + content.count)
    let file = open("\(folder)/\(name)", O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    guard file >= 0 else { continue }
    _ = content.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
    close(file)
    names.append(name)
  }
  defer { for name in names { unlink("\(folder)/\(name)") } }
  guard let source = try? openCheckpoint(.path(folder)) else { return }
  for spec in source.tensors where spec.byteCount <= 1 << 20 { _ = try? source.value(spec.name) }
}

/// Takes the bytes for the metadata of a distributed checkpoint and reads both ends of every tensor that its chunks tile.
private func putTogether(_ bytes: [UInt8]) {
  guard let metadata = try? DistributedMetadata(pickle: bytes) else { return }
  _ = try? DistributedSelection(tensors: metadata.tensors).select(nil)
  for tensor in metadata.tensors where tensor.obstacle == nil {
    let width = tensor.dtype.bitWidth / 8
    let chunks = tensor.chunks.map { chunk in
      TensorChunk(offsets: chunk.offsets, sizes: chunk.sizes) { offset, buffer in
        // Chunks that tile a tensor have no more bytes than it, so that the product does not overflow.
        precondition(offset >= 0 && offset + buffer.count <= chunk.sizes.reduce(width, *), "beyond the chunk")
      }
    }
    guard let whole = try? TensorChunks(chunks, shape: tensor.shape, width: width) else { continue }
    let size = tensor.shape.reduce(width, *)
    var buffer = [UInt8](repeating: 0, count: min(size, 4099))
    _ = try? buffer.withUnsafeMutableBytes { try whole.read(at: 0, into: $0) }
    _ = try? buffer.withUnsafeMutableBytes { try whole.read(at: size - $0.count, into: $0) }
  }
}

/// The blob with the checksums of its header and blocks made right.
func sealed(_ bytes: [UInt8]) -> [UInt8]? {
  guard bytes.count >= 44 else { return nil }
  var blob = bytes
  blob.replaceSubrange(0..<9, with: BlobHeader.magic + [1])
  let fields = ByteFields(blob)
  let (rank, width, blocks) = (Int(fields.u16(12)), Int(blob[11]), Int(fields.u32(20)))
  guard rank <= 8, [1, 2, 4, 8].contains(width), blocks <= 64 else { return blob }
  let end = BlobHeader.encodedCount(rank: rank, blocks: blocks, width: width) - 4
  guard end + 4 <= blob.count else { return blob }
  var at = 40 + 8 * rank
  var start = end + 4
  for block in 0..<blocks {
    var stop = start
    for plane in 0..<width { stop += Int(fields.u32(at + 4 * plane) & 0x7FFF_FFFF) }
    guard stop <= blob.count else { break }
    if block == blocks - 1 { stop = blob.count }
    let crc = blob[start..<stop].withUnsafeBytes { crc32($0) }
    blob.replaceSubrange(at + 4 * width..<at + 4 * width + 4, with: littleEndianBytes(crc))
    at += 4 * (width + 1)
    start = stop
  }
  let crc = blob[..<end].withUnsafeBytes { crc32($0) }
  blob.replaceSubrange(end..<end + 4, with: littleEndianBytes(crc))
  return blob
}
