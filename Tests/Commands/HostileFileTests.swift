import Checkpoint
import Foundation
import TestSupport
import Testing

/// The files in `fixtures/hostile` and those that are too large to lie there: each is opened by the command that did not
/// withstand it, and refused with one line within seconds.
@Suite struct HostileFileTests {
  struct Case: CustomTestStringConvertible {
    /// `FILE` stands for the path in `fixtures/hostile`, `OUT` for an output.
    var file: String
    var command: String
    var status: Int32 = 65
    var message: String

    var testDescription: String { "\(file): \(command)" }
  }

  private let folder: TemporaryFolder
  init() throws { folder = try TemporaryFolder() }

  private static let bnfix = "ckpt-bnfix FILE --data fixtures/digits/train -o OUT"
  private static let merge = "ckpt-bnfix fixtures/run/epoch-104.safetensors --merge FILE -o OUT"
  private static let resume =
    "ckpt-fixres fixtures/run/epoch-104.safetensors --data fixtures/digits/train --limit 64 --epochs 3 -o OUT --resume FILE"

  static let refused: [Case] = [
    Case(
      file: "swag-rank.safetensors", command: "ckpt-average --method swag-sample FILE -o OUT",
      message: #"ckpt.swag_rank is "1000000000000""#),
    Case(
      file: "swag-rank-max.safetensors", command: "ckpt-average --method swag-sample FILE -o OUT",
      message: #"ckpt.swag_rank is "9223372036854775807""#),
    Case(
      file: "resume-optimizer-0-short.safetensors", command: resume,
      message: "expected 1 steps in each of 2 epochs, found 4 steps"),
    Case(
      file: "resume-steps-max.safetensors", command: resume,
      message: "expected 1 steps in each of 1 epochs, found 9223372036854775807 steps"),
    Case(
      file: "onnx-40-x-2-57-external.onnx", command: bnfix,
      message: "its initializers claim more bytes than there can be"),
    Case(
      file: "onnx-40-x-2-57-external.onnx", command: "ckpt-info list FILE",
      message: "its initializers claim more bytes than there can be"),
    Case(
      file: "onnx-constantofshape-empty-value.onnx", command: bnfix,
      message: "expected one number as its value, found 0"),
    Case(file: "onnx-maxpool-4096.onnx", command: bnfix, message: #"the map of "u" is too large"#),
    Case(
      file: "onnx-pad-abs-int-min.onnx", command: bnfix,
      message: "the padding [0, 0, -9223372036854775808, 0, 0, 0, 0, 0] is impossible"),
    Case(
      file: "onnx-where-quadratic-12.onnx", command: bnfix,
      message: "node \"q\" (Reshape): the shape is missing"),
    Case(
      file: "onnx-zero-numbers-flatten.onnx", command: bnfix,
      message: "the shape [0] does not become [0, 4611686018427387904, 4611686018427387904]"),
    Case(
      file: "container-claims-30GiB.safetensors", command: "ckpt-info list FILE",
      message: "compressed data have an impossible block table"),
    Case(
      file: "container-claims-30GiB.safetensors", command: "ckpt-info stats FILE",
      message: "compressed data have an impossible block table"),
    Case(
      file: "tensorfile-image-32GiB.safetensors",
      command: "ckpt-bnfix fixtures/run/epoch-104.safetensors --data FILE -o OUT",
      message: "compressed data have an impossible block table"),
    Case(
      file: "labels-u64.safetensors",
      command: "ckpt-sweep fixtures/run/epoch-104.safetensors --data FILE",
      message: "expected a label at [3], found 9.223372036854776e+18"),
    Case(
      file: "bnpart-batch-f64-nan.safetensors", command: merge,
      message: #"tensor "batch": expected I64 [2], found F64 [2]"#),
    Case(
      file: "bnpart-batches-1000000000.safetensors", command: merge,
      message: #"tensor "batch": expected I64 [1000000000], found I64 [2]"#),
    Case(
      file: "bnpart-m2--1e30.safetensors", command: merge,
      message: #"tensor "bn1.m2" holds the impossible -1e+30"#),
    Case(
      file: "sweeppart-count-f64-inf.safetensors", command: "ckpt-sweep --merge FILE",
      message: #"tensor "count": expected I64 [2], found F64 [2]"#),
    Case(
      file: "avgstate-types-w-c64.safetensors",
      command: "ckpt-average --state FILE fixtures/run/epoch-104.safetensors -o OUT",
      message: #"tensor "bn1.num_batches_tracked": not in"#),
    Case(
      file: "pickle-candidates-memory.pt", command: "ckpt-info list FILE",
      message: "describe objects that repeat each other without bound"),
    Case(
      file: "pickle-module-dag.pt", command: "ckpt-info list FILE",
      message: "describe objects that repeat each other without bound"),
    Case(
      file: "zip-two-data-pkl.pt", command: "ckpt-info list FILE",
      message: #"two pickles, "a/data.pkl" and "b/data.pkl""#),
    Case(
      file: "esc-dtype-pickle.pt", command: "ckpt-info list FILE",
      message: #"element type torch.evil\u{1b}]0;pwned\u{7}\u{1b}[31m, which"#),
  ]

  /// Runs a command in the root of the project, with a copy of the file: some commands would write to it.
  private func run(_ command: String, _ file: String = "") throws -> Tool.Outcome {
    var path = ""
    if !file.isEmpty {
      path = folder.file(file)
      try? FileManager.default.removeItem(atPath: path)
      try FileManager.default.copyItem(atPath: Fixtures.path("hostile/\(file)"), toPath: path)
    }
    let text = command.replacing("FILE", with: "'\(path)'").replacing("OUT", with: "'\(folder.file("out"))'")
    return try Tool.shell(
      "cd '\(Fixtures.root.deletingLastPathComponent().path)'; timeout -s KILL 60 \(text)")
  }

  @Test(arguments: refused) func isRefusedWithOneLine(_ one: Case) throws {
    let outcome = try run(one.command, one.file)
    #expect(outcome.status == one.status, "\(outcome.messages)")
    #expect(outcome.messages.contains(one.message), "\(outcome.messages)")
    #expect(outcome.messages.split(separator: "\n").count == 1, "\(outcome.messages)")
    #expect(outcome.output.isEmpty)
    #expect(!FileManager.default.fileExists(atPath: folder.file("out")))
  }

  /// Damage that listing does not touch.
  @Test(arguments: [
    "constantofshape-empty-value", "maxpool-4096", "pad-abs-int-min", "where-quadratic-12",
    "zero-numbers-flatten",
  ]) func onnxFilesAreListed(_ name: String) throws {
    let outcome = try run("ckpt-info list FILE", "onnx-\(name).onnx")
    #expect(outcome.status == 0, "\(outcome.messages)")
  }

  @Test func negativeVerdictOnAContainerThatClaimsGigabytes() throws {
    let outcome = try run("ckpt-info verify FILE", "container-claims-30GiB.safetensors")
    #expect(outcome.status == 1, "\(outcome.messages)")
    #expect(outcome.messages.split(separator: "\n").count == 1, "\(outcome.messages)")
  }

  @Test func namesThatDifferInAGraphemeAreRecordsOfTheirOwn() throws {
    let outcomes = try (0..<3).map { _ in try run("ckpt-info list FILE", "zip-combining-key.pt") }
    #expect(outcomes[0].status == 0, "\(outcomes[0].messages)")
    #expect(Set(outcomes.map(\.output)).count == 1)
  }

  /// The accent belongs to the slash before it only on a screen.
  @Test func indexWhoseNameBeginsWithAnAccentStaysInItsFolder() throws {
    try FileManager.default.createDirectory(atPath: folder.file("evil"), withIntermediateDirectories: false)
    let index = folder.file("evil/\u{301}x.index.json")
    try FileManager.default.copyItem(atPath: Fixtures.path("hostile/combining-folder.json"), toPath: index)
    try FileManager.default.copyItem(
      atPath: Fixtures.path("run/epoch-104.safetensors"), toPath: folder.file("private.safetensors"))
    let outcome = try Tool.run("ckpt-info", ["list", index])
    #expect(outcome.status == 66)
    #expect(outcome.messages.contains("evil/private.safetensors: cannot open"), "\(outcome.messages)")
  }

  @Test func tiedTensorsOfFortyFilesAreOneAnswerOnEveryRun() throws {
    var files: [String] = []
    for number in 0..<40 {
      files.append(folder.file("tied\(number).safetensors"))
      try FileManager.default.copyItem(
        atPath: Fixtures.path("hostile/tied-explosion/tied\(number % 12).safetensors"), toPath: files[number])
    }
    let sets = ["td1", "td2"].map { Fixtures.path("hostile/tied-nondeterminism/\($0)") }
    for inputs in [files, sets] {
      var results: Set<Data> = []
      for _ in 0..<3 {
        let command =
          "timeout -s KILL 60 ckpt-average --allow-duplicates \(inputs.joined(separator: " ")) -o -"
        let outcome = try Tool.shell(command)
        #expect(outcome.status == 0, "\(outcome.messages)")
        results.insert(outcome.output)
      }
      #expect(results.count == 1)
    }
  }

  // MARK: Images

  @Test func imagesThatClaimMuchAreRefused() throws {
    try FileManager.default.createDirectory(atPath: folder.file("a/b"), withIntermediateDirectories: true)
    try FileManager.default.copyItem(
      atPath: Fixtures.path("hostile/webp-lossless-bomb.webp"), toPath: folder.file("a/b/a.webp"))
    func expectRefusal(_ reason: String) throws {
      let outcome = try run(
        "ckpt-bnfix fixtures/run/epoch-104.safetensors --data '\(folder.file("a"))' --batch-size 1 -o OUT")
      #expect(outcome.status == 65)
      #expect(outcome.messages.contains(reason), "\(outcome.messages)")
      #expect(outcome.messages.split(separator: "\n").count == 1, "\(outcome.messages)")
      #expect(!FileManager.default.fileExists(atPath: folder.file("out")))
    }
    try expectRefusal("claims 16383 x 10922 pixels in 34 bytes")
    try FileManager.default.removeItem(atPath: folder.file("a/b/a.webp"))
    // 480 scans of 179 million pixels, in a file that is large enough for the pixels.
    var jpeg = [UInt8](
      try Data(
        contentsOf: Fixtures.root.appendingPathComponent("goldens/ImageData/corpus/420-41x29-progressive.jpg")
      ))
    let frame = try #require(jpeg.indices.first { jpeg[$0] == 0xff && jpeg[$0 + 1] == 0xc2 })
    for field in [5, 7] { jpeg.replaceSubrange(frame + field..<frame + field + 2, with: [0x34, 0x40]) }
    let scan: [UInt8] = [0xff, 0xda, 0, 8, 1, 1, 0, 1, 63, 0, 0]
    jpeg = jpeg.dropLast(2) + Array(repeating: scan, count: 480).flatMap { $0 } + [0xff, 0xd9]
    jpeg.insert(contentsOf: [0xff, 0xfe, 0xff, 0xff] + [UInt8](repeating: 0, count: 0xfffd), at: 2)
    try Data(jpeg).write(to: URL(fileURLWithPath: folder.file("a/b/a.jpg")))
    try expectRefusal(" scans of 13376 x 13376 pixels in ")
  }

  @Test func sparseImagesAndFoldersOfLinksAreRefused() throws {
    let outcome = try Tool.shell(
      """
      cd '\(folder.path)'; M='\(Fixtures.path("run/epoch-104.safetensors"))'; mkdir -p d x data/c
      truncate -s 1T d/b.jpg; timeout -s KILL 60 ckpt-bnfix $M --data d --skip-bad 1 -o out; echo $?
      for i in $(seq 0 25); do mkdir x/$i; done
      for i in $(seq 0 24); do ln -s ../$((i + 1)) x/$i/a; ln -s ../$((i + 1)) x/$i/b; done
      cp '\(Fixtures.path("digits/train/0"))'/*.jpg x/25; ln -s ../../x/0 data/c/a
      timeout -s KILL 60 ckpt-bnfix $M --data data -o out; echo $?; ls
      """)
    #expect(outcome.text == "65\n65\nd\ndata\nx\n")
    #expect(outcome.messages.contains("expected at most 1073741824 bytes, found 1099511627776"))
    #expect(outcome.messages.contains("links lead to this folder in more than 256 ways"))
    #expect(outcome.messages.split(separator: "\n").count == 2, "\(outcome.messages)")
  }

  // MARK: Changed checkpoints

  private func write(
    _ name: String, replacing tensors: [TensorName: TensorValue] = [:],
    metadata changes: [String: String] = [:]
  ) throws {
    let source = try openCheckpoint(.path(Fixtures.path("run/epoch-104.safetensors")))
    var metadata = source.metadata
    for (key, value) in changes { metadata[key] = value }
    try writeCheckpoint(
      Dictionary(
        uniqueKeysWithValues: source.tensors.map { ($0.name, try tensors[$0.name] ?? source.value($0.name)) }),
      metadata: metadata, to: .path(folder.file(name)))
  }

  @Test func countersOfBatchesAreBoundedWhateverTheirType() throws {
    let max = withUnsafeBytes(of: UInt64.max) { Array($0) }
    for value in [
      TensorValue(i64: [.max], shape: []), TensorValue(dtype: .u64, shape: [], bytes: max),
      try TensorValue(doubles: [1e300], shape: [], dtype: .f64), TensorValue(i64: [], shape: [0]),
      TensorValue(i64: [1, 2], shape: [2]),
    ] {
      try write("n.st", replacing: ["layer4.1.bn2.num_batches_tracked": value])
      let outcome = try run(
        "ckpt-fixres '\(folder.file("n.st"))' --data fixtures/digits/train --limit 64 --epochs 1 -o OUT")
      #expect(outcome.status == 65)
      #expect(
        outcome.messages.contains(#""layer4.1.bn2.num_batches_tracked""#),
        "\(outcome.messages)")
      #expect(outcome.messages.split(separator: "\n").count == 1, "\(outcome.messages)")
    }
  }

  /// A border of an impossible color is clamped; what the network makes of it is measured.
  @Test func borderOfAnImpossibleMeanIsNoTrap() throws {
    try write(
      "m.st",
      metadata: [
        "ckpt.resize_mode": "border", "ckpt.mean": "1e30,0.4,0.4", "ckpt.crop": "48", "ckpt.resize": "48",
      ])
    let outcome = try run(
      "ckpt-sweep '\(folder.file("m.st"))' --data fixtures/digits/val --limit 8 --as-recorded --format json")
    #expect([0, 65].contains(outcome.status), "\(outcome.messages)")
    #expect(!outcome.text.lowercased().contains("nan"))
  }
}
