import Checkpoint
import Platform

/// Times the readers and writers of checkpoints, for comparison with other programs.
///
///     container codec FILE THREADS ROUNDS [BASE]   compresses the tensors of FILE and reads them back
///     container open FILE ROUNDS                   opens FILE, without reading tensors
///
/// `codec` works on tensors in memory and a file under /dev/shm. It prints the bytes before and after, then processor
/// seconds for encoding, for assembling the file, and for reading everything; `open` prints wall seconds. Each time is
/// the best of the rounds.
struct Usage: Error, CustomStringConvertible {
  let description = "usage: container codec FILE THREADS ROUNDS [BASE] | container open FILE ROUNDS"
}

func seconds(_ clock: clockid_t) -> Double {
  var time = timespec()
  clock_gettime(clock, &time)
  return Double(time.tv_sec) + 1e-9 * Double(time.tv_nsec)
}

func measured(_ best: inout Double, _ clock: clockid_t, _ body: () throws -> Void) rethrows {
  let start = seconds(clock)
  try body()
  best = min(best, seconds(clock) - start)
}

func codec(_ path: String, threads: Int, rounds: Int, base: String?) throws {
  let source = try openCheckpoint(.path(path))
  let values = try source.tensors.map { ($0, try source.value($0.name)) }
  var writing = WriteOptions()
  writing.compress = true
  writing.threads = threads
  writing.base = try base.map { try openCheckpoint(.path($0)) }
  var reading = OpenOptions()
  reading.threads = threads
  reading.base = writing.base
  let packed = "/dev/shm/container-benchmark-\(getpid())"
  defer { unlink(packed) }
  let order = Dictionary(uniqueKeysWithValues: values.map { ($0.0.name, $0.1) })
  var (encode, assemble, read) = (Double.infinity, Double.infinity, Double.infinity)
  var buffer = [UInt8](repeating: 0, count: values.map { $0.1.bytes.count }.max() ?? 0)
  for _ in 0..<rounds {
    let writer = try CheckpointWriter(
      to: .path(packed), tensors: source.tensors, metadata: Metadata(), options: writing)
    try measured(&encode, CLOCK_PROCESS_CPUTIME_ID) {
      for spec in writer.order { try writer.write(order[spec.name]!) }
    }
    try measured(&assemble, CLOCK_PROCESS_CPUTIME_ID) { try writer.finish() }
    try measured(&read, CLOCK_PROCESS_CPUTIME_ID) {
      let result = try openCheckpoint(.path(packed), options: reading)
      for spec in result.tensors {
        try buffer.withUnsafeMutableBytes {
          try result.read(spec.name, at: 0, into: .init(rebasing: $0[..<spec.byteCount]))
        }
      }
    }
  }
  var status = stat()
  stat(packed, &status)
  let result = try openCheckpoint(.path(packed), options: reading)
  for (spec, value) in values {
    guard try result.value(spec.name) == value else {
      throw CheckpointError.missingTensor(path: path, spec.name)
    }
  }
  let bytes = values.reduce(0) { $0 + $1.1.bytes.count }
  print(bytes, status.st_size, encode, assemble, read)
}

do {
  let arguments = CommandLine.arguments
  switch arguments.dropFirst().first {
  case "codec" where arguments.count >= 5:
    try codec(
      arguments[2], threads: Int(arguments[3]) ?? 1, rounds: Int(arguments[4]) ?? 3,
      base: arguments.count > 5 ? arguments[5] : nil)
  case "open" where arguments.count == 4:
    var best = Double.infinity
    for _ in 0..<(Int(arguments[3]) ?? 3) {
      try measured(&best, CLOCK_MONOTONIC) { _ = try openCheckpoint(.path(arguments[2])).tensors.count }
    }
    print(best)
  default: throw Usage()
  }
} catch {
  let message = "container: \(error)\n"
  _ = message.withCString { write(2, $0, strlen($0)) }
  exit(65)
}
