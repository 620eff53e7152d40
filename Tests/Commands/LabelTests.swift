import Checkpoint
import Foundation
import TestSupport
import Testing

/// Labels and class names from the command line: what they are numbered by, and what is refused.
@Suite struct LabelTests {
  static let model = Fixtures.path("run/epoch-104.safetensors")
  static let digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  /// Class folders that are links to those of the digits.
  private func data(_ name: String, _ classes: [(name: String, digit: Int)]) throws -> String {
    let root = folder.file(name)
    try FileManager.default.createDirectory(atPath: root, withIntermediateDirectories: true)
    for entry in classes {
      try FileManager.default.createSymbolicLink(
        atPath: "\(root)/\(entry.name)", withDestinationPath: Fixtures.path("digits/val/\(entry.digit)"))
    }
    return root
  }

  private func data(_ name: String, named names: [String]) throws -> String {
    try data(name, names.enumerated().map { ($1, $0) })
  }

  /// The checkpoint with names recorded for its ten classes.
  private func recorded(_ names: [String]) throws -> String {
    let source = try openCheckpoint(.path(Self.model))
    var metadata = source.metadata
    metadata["ckpt.classes"] = JSON.array(names.map { .string($0) }).encoded()
    let path = folder.file("named.safetensors")
    try rewriteCheckpoint(source, replacing: [:], metadata: metadata, to: .path(path))
    return path
  }

  private func sweep(_ model: String, _ arguments: [String]) throws -> Tool.Outcome {
    try Tool.run("ckpt-sweep", [model, "--as-recorded", "--format", "tsv"] + arguments)
  }

  /// Images that the folders of all digits classify right, and their number.
  private func score(_ outcome: Tool.Outcome) throws -> [String] {
    #expect(outcome.status == 0, "\(outcome.messages)")
    let lines = outcome.text.split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
    let row = try #require(lines.count == 2 ? lines[1] : nil)
    return try ["n", "top1", "loss"].map { row[try #require(lines[0].firstIndex(of: $0))] }
  }

  /// The messages but for the line that sums the sweep up.
  private func remarks(_ outcome: Tool.Outcome) -> [Substring] {
    outcome.messages.split(separator: "\n").filter { !$0.contains(": resize ") }
  }

  private func expectRefusal(_ outcome: Tool.Outcome, _ status: Int32, _ text: String) {
    #expect(outcome.status == status, "\(outcome.messages)")
    #expect(outcome.messages.contains(text), "\(outcome.messages)")
    #expect(outcome.messages.split(separator: "\n").count == 1, "\(outcome.messages)")
    #expect(outcome.text.isEmpty)
  }

  private var reference: [String] {
    get throws { try score(sweep(Self.model, ["--data", Fixtures.path("digits/val")])) }
  }

  // MARK: Recorded names

  @Test func classesAreNumberedByTheirRecordedNames() throws {
    let names = try recorded(Self.digits)
    let all = try sweep(names, ["--data", data("all", named: Self.digits)])
    // In the order of bytes: eight, five, four …
    #expect(try score(all).dropLast() == reference.dropLast())
    #expect(all.messages.contains("/all: classes numbered by their names in \(names)"), "\(all.messages)")
    let some = try sweep(names, ["--data", data("some", [("seven", 7), ("zero", 0)])])
    #expect(try Double(score(some)[1])! > 0.5)
    // Equal names in the same order need no line.
    let sorted = try recorded((0..<10).map(String.init))
    let plain = try sweep(sorted, ["--data", Fixtures.path("digits/val")])
    #expect(try score(plain) == reference)
    #expect(remarks(plain) == [])
  }

  @Test func classThatIsNotRecordedIsRefused() throws {
    let names = try recorded(Self.digits)
    let other = try data("other", [("seven", 7), ("zero", 0), ("elf", 1)])
    for tool in ["ckpt-sweep", "ckpt-fixres"] {
      let run = try Tool.run(tool, [names, "--data", other, "--quiet", "-o", folder.file("o.safetensors")])
      expectRefusal(run, 65, #"/other: the class "elf" is none of those of "#)
    }
    let gate = try Tool.run(
      "ckpt-bnfix",
      [
        names, "--data", Fixtures.path("digits/val"), "--limit", "32", "--gate", other, "--quiet", "-o",
        folder.file("o.safetensors"),
      ])
    expectRefusal(gate, 65, #"/other: the class "elf" is none of those of "#)
  }

  @Test func otherNamesForAllClassesAreAWarning() throws {
    let names = try recorded(Self.digits)
    let run = try sweep(names, ["--data", Fixtures.path("digits/val"), "--quiet"])
    #expect(try score(run) == reference)
    #expect(
      run.messages.contains("warning:")
        && run.messages.contains("assuming the same classes in the same order"),
      "\(run.messages)")
  }

  @Test func validationIsNumberedAsTheTrainingData() throws {
    let training = try data("training", [("a", 3), ("b", 5)])
    let validation = try data("validation", [("b", 5)])
    let output = folder.file("o.safetensors")
    let run = try Tool.run(
      "ckpt-fixres",
      [
        Self.model, "--data", training, "--val", validation, "--num-classes", "2", "--train", "fc",
        "--epochs", "20",
        "--lr", "0.1", "-o", output,
      ])
    #expect(run.status == 0, "\(run.messages)")
    // Numbered for itself, the only class would be the other one, and most images wrong.
    let score = try #require(run.messages.firstMatch(of: #/validation top-1 ([0-9.]+) %/#)?.output.1)
    #expect(try #require(Double(score)) > 80, "\(run.messages)")
    #expect(try openCheckpoint(.path(output)).metadata["ckpt.classes"] == #"["a","b"]"#)
    let unknown = try data("unknown", [("b", 5), ("c", 3)])
    expectRefusal(
      try Tool.run(
        "ckpt-fixres",
        [Self.model, "--data", training, "--val", unknown, "--num-classes", "2", "--quiet", "-o", output]),
      65,
      #"/unknown: the class "c" is none of those of "#)
    // The tuned checkpoint knows its classes.
    let swapped = try data("swapped", [("b", 5), ("a", 3)])
    #expect(try Double(self.score(sweep(output, ["--data", swapped, "--quiet"]))[1])! > 0.9)
  }

  // MARK: Order and maps

  @Test func orderOfTimmIsOffered() throws {
    let root = try data("counted", named: (1...10).map(String.init))
    let bytes = try sweep(Self.model, ["--data", root])
    #expect(try Double(score(bytes)[1])! < 0.4)
    #expect(
      bytes.messages.contains(
        #"/counted: class "10" comes before "2" as in torchvision; for a timm network, which uses natural order, give --class-order natural"#
      ), "\(bytes.messages)")
    let natural = try sweep(Self.model, ["--data", root, "--class-order", "natural"])
    #expect(try score(natural).dropLast() == reference.dropLast())
    #expect(remarks(natural) == [])
    let explicit = try sweep(Self.model, ["--data", root, "--class-order", "bytes"])
    #expect(explicit.output == bytes.output && remarks(explicit) == [])
  }

  private func list(_ name: String, _ label: (Int) -> String) throws -> String {
    let lines = try (0..<10).map { digit in
      let path = Fixtures.path("digits/val/\(digit)")
      let image = try #require(FileManager.default.contentsOfDirectory(atPath: path).min())
      return "\(path)/\(image)\t\(label(digit))\n"
    }
    try lines.joined().write(toFile: folder.file(name), atomically: true, encoding: .utf8)
    return folder.file(name)
  }

  @Test func namesOfListsTakeTheNumbersOfAMap() throws {
    let plain = try score(sweep(Self.model, ["--data", list("n.tsv") { "\($0)" }]))
    #expect(try score(sweep(Self.model, ["--data", list("f.tsv") { "\($0).0" }])) == plain)
    let names = try list("names.tsv") { Self.digits[$0] }
    try Self.digits.joined(separator: "\n").write(
      toFile: folder.file("map.txt"), atomically: true, encoding: .utf8)
    let map = ["--class-map", folder.file("map.txt")]
    #expect(try score(sweep(Self.model, ["--data", names] + map)) == plain)
    // A list that lacks a class can be measured with a map, and only with one.
    let text = try String(contentsOfFile: names, encoding: .utf8)
    try text.split(separator: "\n").dropLast(3).joined(separator: "\n").write(
      toFile: folder.file("subset.tsv"), atomically: true, encoding: .utf8)
    #expect(try score(sweep(Self.model, ["--data", folder.file("subset.tsv")] + map))[0] == "7")
    expectRefusal(
      try sweep(Self.model, ["--data", folder.file("subset.tsv"), "--quiet"]), 65,
      "7 classes, but the classifier of \(Self.model) has 10; --class-map FILE numbers")
    // A map that contradicts the names in the checkpoint.
    let other = try recorded(Array(Self.digits.reversed()))
    expectRefusal(
      try sweep(other, ["--data", names] + map), 65, #"class 0 is "zero", expected "nine" as in "#)
  }

  @Test func mixedLabelsAreRefusedWithTheirLine() throws {
    expectRefusal(
      try sweep(Self.model, ["--data", list("typo.tsv") { $0 == 4 ? "4a" : "\($0)" }]), 65,
      #"typo.tsv: line 5: the label "4a" is a name, "0" before it a number"#)
  }

  @Test func optionsWithoutMeaningAreUsageErrors() throws {
    let numbers = try list("n.tsv") { "\($0)" }
    let tar = Fixtures.path("goldens/ImageData/shard-pax.tar")
    try "0\n1\n".write(toFile: folder.file("map.txt"), atomically: true, encoding: .utf8)
    for data in [numbers, tar] {
      expectRefusal(
        try sweep(Self.model, ["--data", data, "--class-map", folder.file("map.txt")]), 64,
        "the labels are numbers, not names; leave out --class-map")
      expectRefusal(
        try sweep(Self.model, ["--data", data, "--class-map", folder.file("absent")]), 66,
        "absent: No such file")
      expectRefusal(
        try sweep(Self.model, ["--data", data, "--class-order", "natural"]), 64, "leave out --class-order")
    }
    expectRefusal(
      try sweep(Self.model, ["--data", numbers, "--label-key", "x"]), 64, "leave out --label-key")
    let both = try sweep(
      Self.model, ["--data", numbers, "--class-map", folder.file("map.txt"), "--class-order", "bytes"])
    #expect(both.status == 64)
    for option in [["--class-map", folder.file("map.txt")], ["--class-order", "natural"]] {
      let run = try Tool.run(
        "ckpt-bnfix", [Self.model, "--data", Fixtures.path("digits/val"), "-o", folder.file("o")] + option)
      #expect(run.status == 64 && run.messages.contains("need --gate"), "\(run.messages)")
    }
  }

  // MARK: Messages

  @Test func hiddenFoldersWithoutImagesAreSkippedWithALine() throws {
    let root = try data("notebook", named: (0..<10).map(String.init))
    let hidden = "\(root)/.ipynb_checkpoints"
    try FileManager.default.createDirectory(atPath: hidden, withIntermediateDirectories: true)
    let skipped = try sweep(Self.model, ["--data", root])
    #expect(try score(skipped) == reference)
    #expect(
      remarks(skipped) == [
        "ckpt-sweep: \(root): no class, being hidden and without images: \".ipynb_checkpoints\""
      ])
    // With an image it is a class, as in torchvision.
    try FileManager.default.copyItem(
      atPath: Fixtures.path("goldens/ImageData/corpus/grey-1x1.png"), toPath: "\(hidden)/x.png")
    expectRefusal(
      try sweep(Self.model, ["--data", root]), 65,
      #"has 10; hidden folders with images count as classes: ".ipynb_checkpoints""#)
    try FileManager.default.createDirectory(atPath: "\(root)/empty", withIntermediateDirectories: true)
    expectRefusal(try sweep(Self.model, ["--data", root]), 65, #"no images in class folder "empty""#)
  }

  @Test func missingLabelsAreNamedByTheirFormat() throws {
    let shard = folder.file("json.tar")
    let made = try Tool.shell(
      """
      cd '\(folder.path)' && cp '\(Fixtures.path("goldens/ImageData/corpus/grey-1x1.png"))' 0.png
      echo '{"label": 3}' > 0.json && tar -cf json.tar 0.png 0.json
      """)
    #expect(made.status == 0)
    expectRefusal(
      try sweep(Self.model, ["--data", shard]), 65,
      #"0.png: no label: expected a file ".cls" of the image's name in the archive, which has ".json" files; --label-key KEY"#
    )
    #expect(try score(sweep(Self.model, ["--data", shard, "--label-key", "label"]))[0] == "1")
    let npz = Fixtures.path("goldens/ImageData/arrays/unlabelled.npz")
    for tool in ["ckpt-sweep", "ckpt-fixres"] {
      expectRefusal(
        try Tool.run(tool, [Self.model, "--data", npz, "--quiet", "-o", folder.file("o.safetensors")]), 65,
        #"unlabelled.npz[0]: no label: expected labels in "labels""#)
    }
  }
}
