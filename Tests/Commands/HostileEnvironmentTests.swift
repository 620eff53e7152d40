import Checkpoint
import Foundation
import Platform
import TestSupport
import Testing

/// Descriptors, limits, names and files around a run that somebody else has arranged.
@Suite struct HostileEnvironmentTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let train = Fixtures.path("digits/train")
  static let tools = ["ckpt-average", "ckpt-bnfix", "ckpt-convert", "ckpt-fixres", "ckpt-info", "ckpt-sweep"]

  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  @discardableResult
  private func run(_ script: String, status: Int32? = 0) throws -> Tool.Outcome {
    let outcome = try Tool.shell(
      "cd '\(folder.path)'; MODEL='\(Self.model)'; TRAIN='\(Self.train)'; \(script)")
    if let status { #expect(outcome.status == status, "\(script): \(outcome.messages)") }
    return outcome
  }

  private func write(_ name: String, _ text: String) throws {
    try Data(text.utf8).write(to: URL(fileURLWithPath: folder.file(name)))
  }

  // MARK: Descriptors

  @Test func messagesNeverGoIntoAnOutput() throws {
    try run("ckpt-convert $MODEL -o expected.st")
    for closed in ["<&- 2>&-", "<&- >&- 2>&-", "2>&-"] {
      try run("ckpt-convert $MODEL -v -o out.st \(closed); cmp expected.st out.st")
    }
    #expect(try run("ckpt-info - <&-", status: nil).status == 74)
    #expect(try run("ckpt-convert $MODEL >&-", status: nil).status == 74)
  }

  @Test func checkpointFromATerminalIsAUsageError() throws {
    let terminal = Glibc.open("/dev/ptmx", O_RDWR | O_NOCTTY)
    defer { close(terminal) }
    var (lock, number): (Int32, Int32) = (0, 0)
    // TIOCSPTLCK and TIOCGPTN
    try #require(ioctl(terminal, 0x4004_5431, &lock) == 0 && ioctl(terminal, 0x8004_5430, &number) == 0)
    let name = "/dev/pts/\(number)"
    for command in [
      "ckpt-info -", "ckpt-convert - -o x", "ckpt-average - -o x", "ckpt-bnfix --data $TRAIN -o x",
      "ckpt-sweep $MODEL --data -",
    ] {
      let outcome = try run("timeout -s KILL 20 \(command) <'\(name)'", status: 64)
      #expect(outcome.messages.contains("is a terminal"), "\(outcome.messages)")
    }
  }

  // MARK: Outputs

  @Test(arguments: [
    "ckpt-average $MODEL -o same --report same", "ckpt-average $MODEL -o same --state ./same",
    "ckpt-bnfix $MODEL --data $TRAIN -o same --report link",
    "ckpt-fixres $MODEL --data $TRAIN -o same --report same",
    "ckpt-fixres $MODEL --data $TRAIN -o a --report same --plot ../$(basename $PWD)/same",
    "ckpt-fixres $MODEL --data $TRAIN -o same --resume same",
    "ckpt-sweep $MODEL --data $TRAIN --report same --plot same",
    "ckpt-sweep $MODEL --data $TRAIN --predictions same.npy --state same.npy",
    "ckpt-average $MODEL -o - --report - ", "ckpt-average $MODEL -o - --report same >same",
  ])
  func oneFileForTwoOutputsIsAUsageError(_ command: String) throws {
    #expect(symlink("same", folder.file("link")) == 0)
    let outcome = try run(command, status: 64)
    #expect(outcome.messages.contains("same file"), "\(outcome.messages)")
    #expect(outcome.output.isEmpty)
  }

  @Test(arguments: [
    "ckpt-average $MODEL -o x --report none/r.json", "ckpt-average $MODEL -o x --state none/s",
    "ckpt-average $MODEL -o none/x", "ckpt-bnfix $MODEL --data $TRAIN -o x --report none/r.json",
    "ckpt-bnfix $MODEL --data $TRAIN --shard 0/2 --stats-out none/s",
    "ckpt-fixres $MODEL --data $TRAIN -o x --report none/r",
    "ckpt-fixres $MODEL --data $TRAIN -o x --plot none/p",
    "ckpt-fixres $MODEL --data $TRAIN -o x --resume none/r",
    "ckpt-sweep $MODEL --data $TRAIN --plot none/p",
    "ckpt-sweep $MODEL --data $TRAIN --predictions none/p.npy",
    "ckpt-sweep $MODEL --data $TRAIN --state none/s", "ckpt-convert $MODEL -o none/x",
    "ckpt-convert $MODEL --max-shard-size 10K -o none/x",
  ])
  func outputsAreTriedBeforeTheWork(_ command: String) throws {
    // A checkpoint that is not there would be found later.
    let outcome = try run(command.replacing("$MODEL", with: "missing.st"), status: 73)
    #expect(outcome.messages.contains("none/"), "\(outcome.messages)")
    #expect(try folder.listing() == [])
  }

  @Test func candidatesOfKilledRunsAreRemovedByTheNext() throws {
    for name in ["ckpt-average-aaaaaa", "ckpt-average-bbbbbb", "ckpt-average-cccccc", "ckpt-average-dddddd"] {
      try FileManager.default.createDirectory(
        atPath: folder.file("tmp/\(name)"), withIntermediateDirectories: true)
      #expect(chmod(folder.file("tmp/\(name)"), 0o700) == 0)
      try write("tmp/\(name)/candidate.safetensors", "")
    }
    // What else lies there is not ours to remove, nor what others may enter, nor a running process's.
    try write("tmp/ckpt-average-bbbbbb/notes", "")
    #expect(chmod(folder.file("tmp/ckpt-average-cccccc"), 0o755) == 0)
    try run(
      """
      exec 9<tmp/ckpt-average-dddddd; flock 9
      TMPDIR=$PWD/tmp ckpt-average $MODEL '\(Fixtures.path("run/epoch-103.safetensors"))' \
        --method greedy-soup --eval 'echo 1 #' --mode max -o out.st
      """)
    let left = try FileManager.default.contentsOfDirectory(atPath: folder.file("tmp")).sorted()
    #expect(left == ["ckpt-average-bbbbbb", "ckpt-average-cccccc", "ckpt-average-dddddd"])
    #expect(
      try FileManager.default.contentsOfDirectory(atPath: folder.file("tmp/ckpt-average-bbbbbb")) == ["notes"]
    )
  }

  @Test func candidatesAreForNobodyElse() throws {
    try FileManager.default.createDirectory(atPath: folder.file("tmp"), withIntermediateDirectories: false)
    let look = "stat -c %a \"$1\" \"$(dirname \"$1\")\" >>modes; echo 1"
    try write("look.sh", look)
    try run(
      """
      umask 0; TMPDIR=$PWD/tmp ckpt-average $MODEL '\(Fixtures.path("run/epoch-103.safetensors"))' \
        --method greedy-soup --mode max --eval 'sh look.sh' -o out.st
      """)
    let modes = try String(contentsOfFile: folder.file("modes"), encoding: .utf8)
    #expect(Set(modes.split(separator: "\n")) == ["600", "700"])
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("tmp")).isEmpty)
  }

  // `swift test` has its children ignore SIGTERM, and whoever runs it under nohup SIGHUP.
  @Test func candidatesGoAwayWithASignal() throws {
    try FileManager.default.createDirectory(atPath: folder.file("tmp"), withIntermediateDirectories: false)
    try run(
      """
      TMPDIR=$PWD/tmp env --default-signal ckpt-average $MODEL '\(Fixtures.path("run/epoch-103.safetensors"))' \
        --method greedy-soup --mode max --eval 'touch begun; sleep 30 #' -o out.st & tool=$!
      for i in $(seq 1200); do [ -e begun ] && break; sleep 0.1; done
      [ "$(ls tmp)" ] && kill -TERM $tool; wait $tool
      """, status: 143)
    #expect(try FileManager.default.contentsOfDirectory(atPath: folder.file("tmp")).isEmpty)
  }

  // MARK: Terminals

  @Test func nothingFromOutsideSteersTheTerminal() throws {
    let bad = "a\u{1b}[31m\u{9b}\u{7f}\u{202e}\nb"
    func check(_ outcome: Tool.Outcome, _ what: String) {
      for scalar in (outcome.messages + outcome.text).unicodeScalars where scalar != "\n" {
        let isControl = scalar.value < 0x20 || (0x7F...0x9F).contains(scalar.value)
        #expect(!isControl && scalar != "\u{202e}", "\(what): \(String(scalar.value, radix: 16))")
      }
    }
    for tool in Self.tools {
      check(try Tool.run(tool, ["--\(bad)"]), tool)
      check(try Tool.run(tool, [bad, "--threads", bad]), tool)
      let outcome = try Tool.run(tool, [bad, "--threads=\(bad)"])
      check(outcome, tool)
      #expect(!outcome.messages.contains("\nb"), "\(outcome.messages)")
      check(
        try Tool.run(
          tool, [bad] + (["ckpt-bnfix", "ckpt-fixres", "ckpt-sweep"].contains(tool) ? ["--data", bad] : [])),
        tool)
    }
    // Names of files, tensors and metadata in what succeeds.
    let path = folder.file(bad)
    try writeCheckpoint(
      [TensorName(bad): TensorValue(f32: [1], shape: [1])], metadata: Metadata([bad: bad]), to: .path(path))
    for format in ["table", "json"] {
      check(try Tool.run("ckpt-info", [path, "--format", format]), "ckpt-info \(format)")
    }
    check(try Tool.run("ckpt-average", [path, "--dry-run"]), "dry run")
    check(
      try Tool.run(
        "ckpt-bnfix",
        [Self.model, "--data", Self.train, "--limit", "8", "--batch-size", "8", "--layers", bad]), "layers")
  }

  @Test func messagesStayOnOneLine() throws {
    let outcome = try Tool.run("ckpt-info", [folder.file("no\nsuch\nfile")])
    #expect(outcome.status == 66)
    #expect(outcome.messages.split(separator: "\n").count == 1)
  }

  @Test func messagesDoNotQuoteMegabytes() throws {
    try write("list.tsv", String(repeating: "a", count: 3_000_000) + "\n")
    let outcome = try run("ckpt-sweep $MODEL --data list.tsv", status: 65)
    #expect(outcome.messages.hasPrefix("ckpt-sweep: ") && outcome.messages.contains("aaa … aaa"))
    #expect(outcome.messages.utf8.count < 100_000)
    #expect(
      outcome.messages.hasSuffix(": no label: expected path<TAB>label in each line\n"),
      "\(outcome.messages.suffix(200))")
  }

  // MARK: Waiting

  @Test func fifosInFoldersAreNotWaitedFor() throws {
    for name in [
      "a.index.json", "set/model.safetensors.index.json", "model/config.json", "weights/model.safetensors",
    ] {
      try FileManager.default.createDirectory(
        atPath: URL(fileURLWithPath: folder.file(name)).deletingLastPathComponent().path,
        withIntermediateDirectories: true)
      #expect(mkfifo(folder.file(name), 0o600) == 0)
    }
    try write("weights/config.json", "{}")
    for name in ["a.index.json", "set", "model", "weights"] {
      let outcome = try run("timeout -s KILL 20 ckpt-info \(name)", status: 65)
      #expect(outcome.messages.contains("no regular file"), "\(outcome.messages)")
    }
    #expect(mkfifo(folder.file("images"), 0o600) == 0)
    #expect(mkfifo(folder.file("map"), 0o600) == 0)
    for arguments in ["--data images", "--data $TRAIN --class-map map"] {
      let outcome = try run("timeout -s KILL 20 ckpt-sweep $MODEL \(arguments)", status: nil)
      #expect([65, 66].contains(outcome.status), "\(outcome.messages)")
    }
  }

  // MARK: Limits

  @Test func smallStacksAndLittleAddressSpaceEndWithALine() throws {
    let commands = [
      "ckpt-info list $MODEL", "ckpt-convert $MODEL -o c.st", "ckpt-average $MODEL -o a.st",
      "ckpt-bnfix $MODEL --data $TRAIN --limit 64 -o b.st",
      "ckpt-fixres $MODEL --data $TRAIN --limit 64 --epochs 1 -o f.st",
      "ckpt-sweep $MODEL --data $TRAIN --limit 16 --crop 48",
    ]
    for command in commands {
      try run("ulimit -s 256; timeout -s KILL 60 \(command)")
      let outcome = try run("ulimit -v 300000; timeout -s KILL 60 \(command)", status: nil)
      #expect(outcome.status != 137, "\(command) hangs")
      if outcome.status != 0 { #expect(!outcome.messages.isEmpty, "\(command): \(outcome.status)") }
    }
  }

  private func writeModel(_ name: String, resize: Int, crop: Int) throws {
    let source = try openCheckpoint(.path(Self.model))
    var metadata = source.metadata
    metadata["ckpt.resize"] = "\(resize)"
    metadata["ckpt.crop"] = "\(crop)"
    try writeCheckpoint(
      Dictionary(uniqueKeysWithValues: source.tensors.map { ($0.name, try source.value($0.name)) }),
      metadata: metadata, to: .path(folder.file(name)))
  }

  /// A checkpoint says at which size its images are to be looked at.
  @Test func sizesOfACheckpointAreUsedUpTo2048PixelsUnasked() throws {
    try writeModel("crop.st", resize: 2048, crop: 2049)
    try writeModel("resize.st", resize: 2049, crop: 48)
    try writeModel("ratio.st", resize: 2048, crop: 1)
    func expectRefusal(_ command: String, _ message: String) throws {
      let outcome = try run("timeout -s KILL 60 \(command)", status: 65)
      #expect(outcome.messages.hasSuffix("\(message)\n"), "\(outcome.messages)")
      #expect(outcome.messages.split(separator: "\n").count == 1, "\(outcome.messages)")
      #expect(try !folder.listing().contains("o.st"))
    }
    for tool in ["ckpt-bnfix", "ckpt-fixres", "ckpt-sweep"] {
      let end = "--data $TRAIN --limit 8 -o o.st"
      for (file, key, size) in [("crop.st", "crop", 2049), ("resize.st", "resize", 2049)] {
        let advice = "pass --\(key) \(size) to use it, or a smaller size"
        let message =
          "metadata \"ckpt.\(key)\" would make images of \(size) pixels, which is used beyond 2048 only on request; \(advice)"
        if tool != "ckpt-sweep" || key == "crop" { try expectRefusal("\(tool) \(file) \(end)", message) }
        if tool == "ckpt-sweep" { try expectRefusal("\(tool) \(file) --as-recorded \(end)", message) }
      }
      try expectRefusal(
        "\(tool) ratio.st --crop 40 \(end)",
        "metadata \"ckpt.resize\" would make images of 16384 pixels, which is used beyond 2048 only on request; pass --resize 16384 to use it, or a smaller size"
      )
    }
    let sizes = "--crop 48 --resize 54 --data $TRAIN --limit 64"
    for file in ["crop.st", "resize.st", "ratio.st"] { try run("ckpt-bnfix \(file) \(sizes) -o o-\(file)") }
    try run("ckpt-sweep resize.st \(sizes)")
    let teacher = "ckpt-fixres $MODEL \(sizes) --teacher crop.st --epochs 1 -o o.st"
    try expectRefusal(teacher, "would make images of 2049 pixels, which is used beyond 2048 only on request")
  }

  @Test(.enabled(if: ProcessInfo.processInfo.physicalMemory < 200 << 30))
  func sizesBeyondTheMemoryAreRefused() throws {
    let size = "--data $TRAIN --resize 16384 --crop 16384"
    for command in [
      "ckpt-bnfix $MODEL \(size) --batch-size 64 -o o.st", "ckpt-sweep $MODEL \(size) --batch-size 64",
    ] {
      let outcome = try run("timeout -s KILL 60 \(command)", status: 65)
      #expect(outcome.messages.contains("of 16384x16384 pixels takes at least "), "\(outcome.messages)")
      #expect(outcome.messages.contains("; a smaller --crop takes less"))
      #expect(outcome.messages.split(separator: "\n").count == 1, "\(outcome.messages)")
    }
    let many = try run(
      "timeout -s KILL 60 ckpt-sweep $MODEL --data $TRAIN --crop 1:4096 --resize 64", status: 65)
    #expect(many.messages.contains("the inputs of 4096 settings take "), "\(many.messages)")
    #expect(many.messages.contains(" MiB; measure fewer settings at a time\n"), "\(many.messages)")
  }

  @Test func settingsOfASweepAreCountedBeforeTheyAreMade() throws {
    for (options, count) in [
      ("--crop 1:16384:1 --resize 1:16384:1", "268435456"), ("--crop 1:401 --resize 1:250", "100250"),
      ("--crop 1:16384 --crop-pct 0.5,0.6,0.7,0.8 --views center,flip", "131072"),
      (
        "--crop 1:5000 --resize 54 --interpolation box,bilinear,bicubic --pooling average,test-time --resize-mode squash,border,shorter-side --bnfix $TRAIN",
        "180000"
      ),
    ] {
      let outcome = try run("timeout -s KILL 60 ckpt-sweep $MODEL --data $TRAIN \(options)", status: 64)
      #expect(
        outcome.messages.contains(
          "ckpt-sweep: these options make \(count) settings, at most 100000 are measured in one run; give ranges a larger step, as in 224:512:16"
        ), "\(outcome.messages)")
    }
  }

  /// A failed allocation ends the tool with one line and leaves no partial output. Not under the address sanitizer,
  /// which itself reserves more address space than the limit allows.
  @Test(.enabled(if: ProcessInfo.processInfo.environment["ASAN_OPTIONS"] == nil))
  func memoryThatIsNotThereEndsWithALine() throws {
    try run(
      """
      head -c 400000000 /dev/zero >zeros
      printf '%s' '{"w":{"dtype":"F32","shape":[100000000],"data_offsets":[0,400000000]}}      ' >header
      printf '\\x4c\\0\\0\\0\\0\\0\\0\\0' >big.st; cat header zeros >>big.st; rm zeros header
      """)
    let outcome = try run(
      "ulimit -v 300000; timeout -s KILL 60 ckpt-convert big.st --dtype f16 -o out.pth", status: nil)
    #expect(outcome.status != 124)
    if outcome.status != 0 {
      #expect(outcome.messages.hasPrefix("ckpt-convert: ") || outcome.messages.contains("\nckpt-convert: "))
      #expect(try folder.listing() == ["big.st"])
    }
  }
}
