import Checkpoint
import Foundation
import TestSupport
import Testing

/// Checkpoints that come through FIFOs.
@Suite struct AverageStreamTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// `$E` stands for the beginning of an epoch's path, `$X` for the extension.
  private func run(_ script: String) throws -> Tool.Outcome {
    try Tool.shell(
      "cd '\(folder.path)' && E='\(Fixtures.path("run"))/epoch-'; X=.safetensors; \(script)")
  }

  private func tensors(_ name: String) throws -> [[UInt8]] {
    let source = try openCheckpoint(.path(folder.file(name)))
    return try source.tensors.map { try source.value($0.name).bytes }
  }

  private static let streams = "<(cat $E'95'$X) <(cat $E'96'$X) <(cat $E'97'$X)"
  private static let files = "$E'95'$X $E'96'$X $E'97'$X"

  static let options = [
    "", "--method ema --decay 0.5", "--method median", "--buffers average", "--dtype f16",
    "--exclude 'layer[12]' --threads 3", "--digest none", "--method weights --weights 1,0,2",
    // What follows cannot be done in one pass over the streams.
    "--method swag --swag-rank 2", "--digest sha256", "--compress", "--report r.json", "--state s",
    "--include fc --search last=2 --mode max --eval 'echo 1 #$1'",
  ]

  @Test(arguments: options) func equalFiles(_ options: String) throws {
    let files = try run("ckpt-average \(options) \(Self.files) -o files; rm -f s")
    #expect(files.status == 0, "\(files.messages)")
    let streams = try run("ckpt-average -v \(options) \(Self.streams) --order given -o streams")
    #expect(streams.status == 0, "\(streams.messages)")
    #expect(try tensors("files") == tensors("streams"))
    let spooled = streams.messages.contains("temporary file")
    #expect(spooled == options.contains("swag"), "\(streams.messages)")
  }

  @Test func mixedWithFilesAndDigestsAreRight() throws {
    let files = try run("ckpt-average \(Self.files) -o files")
    #expect(files.status == 0)
    let mixed = try run(
      "ckpt-average $E'95'$X <(cat $E'96'$X) - --order given -o mixed < <(cat $E'97'$X)")
    #expect(mixed.status == 0, "\(mixed.messages)")
    func checksums(_ name: String) throws -> [String] {
      let history = try #require(
        try openCheckpoint(.path(folder.file(name))).metadata["ckpt.history"])
      return history.matches(of: #/"size":(\d+),"crc32":"(\w+)"/#).map { "\($0.output.1) \($0.output.2)" }
    }
    #expect(try checksums("files").count == 3)
    #expect(try checksums("files") == checksums("mixed"))
  }

  @Test func differentOrdersAreSpooled() throws {
    let order = try reversed(Fixtures.path("run/epoch-96.safetensors"))
    try order.write(to: URL(fileURLWithPath: folder.file("reversed")))
    #expect(try run("ckpt-average $E'95'$X reversed --order given -o files").status == 0)
    let streams = try run("ckpt-average -v <(cat $E'95'$X) <(cat reversed) --order given -o streams")
    #expect(streams.status == 0, "\(streams.messages)")
    #expect(streams.messages.contains("temporary file"))
    #expect(try tensors("files") == tensors("streams"))
  }

  /// The same checkpoint with its data in the opposite order.
  private func reversed(_ path: String) throws -> Data {
    let source = try openCheckpoint(.path(path))
    var header: [(String, JSON)] = []
    var body = Data()
    for spec in source.tensors.reversed() {
      let bytes = try source.value(spec.name).bytes
      header.append(
        (
          spec.name.string,
          .object([
            ("dtype", .string(spec.dtype.name)), ("shape", .array(spec.shape.map { JSON($0) })),
            ("data_offsets", .array([JSON(body.count), JSON(body.count + bytes.count)])),
          ])
        ))
      body += bytes
    }
    let text = Data(JSON.object(header).encoded().utf8)
    return withUnsafeBytes(of: UInt64(text.count).littleEndian) { Data($0) } + text + body
  }

  @Test func damageIsNamedAndLeavesNothing() throws {
    for (name, sender) in [
      ("short", "head -c 500000 $E'96'$X"), ("long", "cat $E'96'$X; echo x"),
      ("header", "head -c 100 $E'96'$X"), ("nothing", "true"),
    ] {
      let outcome = try run("ckpt-average $E'95'$X <(\(sender)) --order given -o \(name)")
      #expect(outcome.status == 65, "\(name): \(outcome.messages)")
      #expect(outcome.messages.contains("/dev/fd/"), "\(outcome.messages)")
    }
    #expect(try folder.listing() == [])
  }

  @Test func duplicatesAreFoundAtTheEnd() throws {
    let twice = try run("ckpt-average <(cat $E'95'$X) <(cat $E'95'$X) --order given -o out")
    #expect(twice.status == 65)
    #expect(twice.messages.contains("the same checkpoint as"))
    #expect(try folder.listing() == [])
    let allowed = try run(
      "ckpt-average <(cat $E'95'$X) <(cat $E'95'$X) --order given --allow-duplicates -o out")
    #expect(allowed.status == 0)
  }
}
