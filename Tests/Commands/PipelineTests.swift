import Checkpoint
import Foundation
import TestSupport
import Testing

/// The tools together, as a shell runs them.
@Suite struct PipelineTests {
  static let train = Fixtures.path("digits/train")
  static let val = Fixtures.path("digits/val")
  static let series = Fixtures.path("run")

  /// `OUT` stands for a scratch folder.
  func shell(_ script: String, in folder: TemporaryFolder) throws -> Tool.Outcome {
    try Tool.shell(
      "OUT='\(folder.path)'; RUN='\(Self.series)'; TRAIN='\(Self.train)'; VAL='\(Self.val)'; \(script)")
  }

  func expectSameTensors(_ a: String, _ b: String) throws {
    let first = try openCheckpoint(.path(a))
    let second = try openCheckpoint(.path(b))
    #expect(first.tensors == second.tensors)
    for tensor in first.tensors {
      #expect(try first.value(tensor.name).bytes == second.value(tensor.name).bytes, "\(tensor.name)")
    }
  }

  @Test func pipeAndFilesGiveTheSameTensors() throws {
    let folder = try TemporaryFolder()
    let files = try shell(
      """
      ckpt-average "$RUN"/*.safetensors -o "$OUT/a" &&
      ckpt-bnfix "$OUT/a" --data "$TRAIN" --num-images 96 -o "$OUT/b" &&
      ckpt-fixres "$OUT/b" --data "$VAL" --crop 64 --epochs 2 -o "$OUT/c" &&
      ckpt-sweep "$OUT/c" --data "$VAL" --crop 56,64 --select none -o "$OUT/files" >"$OUT/table-files"
      """, in: folder)
    #expect(files.status == 0, "\(files.messages)")
    let pipe = try shell(
      """
      ckpt-average "$RUN"/*.safetensors |
      ckpt-bnfix --data "$TRAIN" --num-images 96 |
      ckpt-fixres --data "$VAL" --crop 64 --epochs 2 |
      ckpt-sweep --data "$VAL" --crop 56,64 --select none -o "$OUT/pipe" >"$OUT/table-pipe"
      """, in: folder)
    #expect(pipe.status == 0, "\(pipe.messages)")

    try expectSameTensors(folder.file("files"), folder.file("pipe"))
    var metadata = try [folder.file("files"), folder.file("pipe")].map {
      try openCheckpoint(.path($0)).metadata
    }
    for index in metadata.indices { metadata[index]["ckpt.history"] = nil }
    #expect(metadata[0] == metadata[1])
    #expect(
      try String(contentsOfFile: folder.file("table-files"), encoding: .utf8)
        == String(contentsOfFile: folder.file("table-pipe"), encoding: .utf8))
  }

  @Test func threadsDoNotChangeAnyByte() throws {
    let folder = try TemporaryFolder()
    for threads in [1, 2, 3] {
      let run = try shell(
        """
        t="--threads \(threads)" && o="$OUT/t\(threads)" &&
        ckpt-average $t "$RUN"/*.safetensors -o "$o.a.st" &&
        ckpt-bnfix $t "$o.a.st" --data "$TRAIN" --num-images 48 -o "$o.b.st" &&
        ckpt-fixres $t "$o.b.st" --data "$VAL" --crop 64 --epochs 1 -o "$o.c.st" &&
        ckpt-sweep $t "$o.c.st" --data "$VAL" --crop 56 --select none --format json > "$o.json"
        """, in: folder)
      #expect(run.status == 0, "\(run.messages)")
    }
    for kind in ["a.st", "b.st", "c.st", "json"] {
      let bytes = try (1...3).map {
        try Data(contentsOf: URL(fileURLWithPath: folder.file("t\($0).\(kind)")))
      }
      #expect(bytes[0] == bytes[1] && bytes[0] == bytes[2], "output .\(kind)")
    }
  }

  @Test func inputMayBeAFIFOAndTheOutput() throws {
    let folder = try TemporaryFolder()
    let run = try shell(
      """
      cp "$RUN/"epoch-*[0-9].safetensors "$OUT" && set -- "$OUT"/*.safetensors && x=$1 && shift &&
      ckpt-average <(cat "$x") "$@" --order given -o "$OUT/fifo" &&
      ckpt-average "$x" "$@" --order given -o "$OUT/plain" &&
      ckpt-average "$x" "$@" --order given -o "$x"
      """, in: folder)
    #expect(run.status == 0, "\(run.messages)")
    try expectSameTensors(folder.file("fifo"), folder.file("plain"))
    let overwritten = try #require(try folder.listing().first { $0.hasPrefix("epoch") })
    try expectSameTensors(folder.file(overwritten), folder.file("plain"))
  }
}
