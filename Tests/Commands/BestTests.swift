import Checkpoint
import Foundation
import TestSupport
import Testing

/// `ckpt-best` on the bundled run.
@Suite struct BestTests {
  static let run = Fixtures.path("run")
  static let train = Fixtures.path("digits/train")
  static let val = Fixtures.path("digits/val")
  static let test = Fixtures.path("digits/test")

  /// A space that takes seconds.
  static let small = [
    "--series", run, "--train", train, "--val", val, "--sizes", "48,72", "--means", "3,10",
    "--half-lives", "2", "--schedules", "cosine", "--singles", "1", "--no-soup", "--bn-images", "96",
  ]

  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func best(_ arguments: [String], status: Int32 = 0) throws -> Tool.Outcome {
    let outcome = try Tool.run("ckpt-best", arguments.map { $0.replacing("OUT", with: folder.path) })
    #expect(outcome.status == status, "\(outcome.messages)")
    return outcome
  }

  private func json(_ arguments: [String]) throws -> JSON {
    try JSON.parse([UInt8](best(arguments + ["--format", "json", "--quiet"]).output))
  }

  /// The report without what depends on the machine's speed.
  private func timeless(_ json: JSON) -> JSON {
    switch json {
    case .object(let members):
      .object(
        members.filter { $0.0 != "seconds" && $0.0 != "multiply_adds" && $0.0 != "pipe" }.map {
          ($0, timeless($1))
        })
    case .array(let elements): .array(elements.map(timeless))
    default: json
    }
  }

  /// The bytes of a file without its history.
  private func bytesWithoutHistory(_ path: String) throws -> Data {
    let source = try openCheckpoint(.path(path))
    var metadata = source.metadata
    #expect(metadata[MetadataKey.history] != nil)
    metadata[MetadataKey.history] = nil
    let copy = folder.file("without-history")
    try rewriteCheckpoint(source, replacing: [:], metadata: metadata, to: .path(copy))
    return try Data(contentsOf: URL(fileURLWithPath: copy))
  }

  /// Runs the pipe of a report with its output in another place.
  private func runPipe(of report: JSON, to output: String) throws {
    var commands = try #require(report["pipe"]?.arrayValue).map { command in
      (command.arrayValue ?? []).compactMap(\.stringValue)
    }
    let last = commands.count - 1
    let place = try #require(commands[last].firstIndex(of: "-o"))
    commands[last][place + 1] = output
    let script = commands.map { words in
      words.map { "'\($0)'" }.joined(separator: " ") + " --quiet"
    }.joined(separator: " | ")
    let outcome = try Tool.shell(script)
    #expect(outcome.status == 0, "\(script)\n\(outcome.messages)")
  }

  // MARK: The pipe

  @Test(arguments: [
    ["--means", "5", "--half-lives", "1000"], ["--means", "1", "--half-lives", "1.5"],
    ["--tune", "fc", "--tune-epochs", "3"], ["--tune", "fc+bn", "--tune-epochs", "2", "--tune-lr", "0.01"],
    ["--limit", "500", "--seed", "7"],
    ["--sizes", "64", "--means", "1", "--schedules", "none", "--singles", "6"],
    ["--compress", "--mean", "0.5,0.5,0.5", "--std", "0.25,0.25,0.25"],
  ]) func thePipeMakesTheSameFile(_ options: [String]) throws {
    let report = try json(
      Self.small + options + ["-o", "OUT/best.safetensors", "--report", "OUT/report.json"])
    // With -o the table stays on standard output.
    #expect(report["answer"] != nil)
    try runPipe(of: report, to: folder.file("pipe.safetensors"))
    let found = try bytesWithoutHistory(folder.file("best.safetensors"))
    #expect(try found == bytesWithoutHistory(folder.file("pipe.safetensors")))
  }

  @Test func aSoupIsAMeanOfItsMembers() throws {
    // Nothing but single checkpoints and their soup.
    try Data(#"{"means":[],"half_lives":[],"schedules":[],"soup":true,"crops":[64]}"#.utf8)
      .write(to: URL(fileURLWithPath: folder.file("space.json")))
    let report = try json([
      "--series", Self.run, "--train", Self.train, "--val", Self.val, "--space", "OUT/space.json",
      "--bn-images", "96", "-o", "OUT/best.safetensors",
    ])
    let tried = try #require(report["stages"]?.arrayValue).compactMap { $0["stage"]?.stringValue }
    #expect(tried.contains("soup"))
    try runPipe(of: report, to: folder.file("pipe.safetensors"))
    let found = try bytesWithoutHistory(folder.file("best.safetensors"))
    #expect(try found == bytesWithoutHistory(folder.file("pipe.safetensors")))
  }

  @Test func theHistoryNamesWhatWentIn() throws {
    _ = try best(Self.small + ["-o", "OUT/best.safetensors", "-q"])
    let metadata = try openCheckpoint(.path(folder.file("best.safetensors"))).metadata
    let text = try #require(metadata[MetadataKey.history])
    let history = try JSON.parse(Array(text.utf8)).arrayValue
    let entry = try #require(history?.last)
    #expect(entry["tool"]?.stringValue == "ckpt-best")
    #expect(entry["options"]?["scores"]?.arrayValue?.count == 1)
    let inputs = try #require(entry["inputs"]?.arrayValue)
    #expect(inputs.allSatisfy { $0["crc32"]?.stringValue?.count == 8 })
    let sum = inputs.reduce(0.0) { $0 + ($1["weight"]?.doubleValue ?? .nan) }
    #expect(abs(sum - 1) < 1e-12)
    #expect(metadata["ckpt.bn"] == "recalibrated")
  }

  // MARK: Honesty and reports

  @Test func theTestSetDecidesTheAnswer() throws {
    let report = try json(Self.small + ["--test", Self.test])
    let scores = try #require(report["scores"]?.arrayValue)
    #expect(scores.map { $0["n"]?.intValue } == [225, 447])
    // Recalibration at a larger size gains far more than these images leave in doubt.
    #expect(report["answer"]?.stringValue == "better")
    let interval = try #require(scores[1]["gain_interval"]?.arrayValue).compactMap(\.doubleValue)
    #expect(interval[0] > 0 && interval[0] < interval[1])
    #expect(report["rows"]?.arrayValue?.count { $0["chosen"] == .bool(true) } == 1)
  }

  @Test func nothingBetterIsNoError() throws {
    try Data(
      #"{"means":[],"half_lives":[],"schedules":[],"singles":1,"soup":false,"crops":[48]}"#.utf8
    ).write(to: URL(fileURLWithPath: folder.file("space.json")))
    let arguments = [
      "--series", Self.run, "--train", Self.train, "--val", Self.val, "--space", "OUT/space.json",
      "--leaders", "1", "-o", "OUT/best.safetensors",
    ]
    let report = try json(arguments)
    let answer = try #require(report["answer"]?.stringValue)
    #expect(["last", "not-shown", "better"].contains(answer))
    let required = try Tool.run(
      "ckpt-best",
      (arguments + ["--require", "better", "-q"]).map {
        $0.replacing("OUT/best", with: "\(folder.path)/required").replacing("OUT", with: folder.path)
      })
    #expect(required.status == (answer == "better" ? 0 : 1), "\(required.messages)")
    #expect(try folder.listing().contains("required.safetensors") == (answer == "better"))
  }

  @Test func reportsArePagesAndCardsByTheirSuffix() throws {
    for suffix in ["html", "md"] {
      _ = try best(Self.small + ["-q", "--report", "OUT/report.\(suffix)"])
      let text = try String(contentsOfFile: folder.file("report.\(suffix)"), encoding: .utf8)
      #expect(text.contains("ckpt-average") && text.contains("ckpt-bnfix"))
      if suffix == "html" {
        #expect(text.hasPrefix("<!doctype html>") && text.hasSuffix("</html>\n"))
        #expect(text.contains("<svg"))
      } else {
        #expect(text.hasPrefix("# ") && text.contains("```sh\n"))
      }
    }
  }

  @Test func imagesThatScoreAreNotThoseThatChoose() throws {
    // By another name, and one image of many in a list.
    let link = folder.file("link")
    try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: Self.val)
    let whole = try best(Self.small + ["--test", link], status: 64)
    #expect(whole.messages.contains("450 images of 450 are also in"), "\(whole.messages)")
    let test = try FileManager.default.contentsOfDirectory(atPath: Self.test + "/1").sorted()
    let val = try FileManager.default.contentsOfDirectory(atPath: Self.val + "/1").sorted()
    let lines = test.map { "\(Self.test)/1/\($0)\t1" } + ["\(link)/1/\(val[0])\t1"]
    try Data((lines.joined(separator: "\n") + "\n").utf8)
      .write(to: URL(fileURLWithPath: folder.file("test.tsv")))
    let one = try best(Self.small + ["--test", "OUT/test.tsv"], status: 64)
    #expect(one.messages.contains("1 image of \(lines.count) is also in"), "\(one.messages)")
  }

  @Test func tuningOnScoringImagesIsRefusedAndStatisticsOfThemAreNoticed() throws {
    let small = Self.small.map { $0 == Self.train ? Self.val : $0 } + ["--singles", "1", "--means", "10"]
    let tuned = try best(small + ["--tune", "fc"], status: 64)
    #expect(tuned.messages.contains("450 images of 450 are also in"), "\(tuned.messages)")
    let noticed = try best(small)
    #expect(noticed.messages.contains("96 images of 96 are also in"), "\(noticed.messages)")
    #expect(noticed.messages.contains("accuracies may be too good"))
  }

  @Test func optionsWithoutMeaningAreRefused() throws {
    let folds = try best(Self.small + ["--select", "kfold:3", "--finalists", "3"], status: 64)
    #expect(folds.messages.contains("--finalists"), "\(folds.messages)")
    let limit = try best(["--series", Self.run, "--val", Self.val, "--limit", "9"], status: 64)
    #expect(limit.messages.contains("--limit and --sample are about --train"), "\(limit.messages)")
    let many = try best(Self.small + ["--select", "kfold:451"], status: 65)
    #expect(many.messages.contains("give --val more images"), "\(many.messages)")
  }

  @Test func aRunOfOneCheckpointIsSearched() throws {
    let report = try json([
      Self.run + "/epoch-104.safetensors", "--train", Self.train, "--val", Self.val, "--sizes", "48,72",
      "--bn-images", "96", "-o", "OUT/best.safetensors",
    ])
    #expect(report["chosen"]?["average"]?.stringValue == "checkpoint:0")
    try runPipe(of: report, to: folder.file("pipe.safetensors"))
    let found = try bytesWithoutHistory(folder.file("best.safetensors"))
    #expect(try found == bytesWithoutHistory(folder.file("pipe.safetensors")))
  }

  @Test func foldsScoreAllImages() throws {
    let report = try json(Self.small + ["--select", "kfold:3", "--sizes", "48"])
    #expect(report["scores"]?.arrayValue?.first?["n"]?.intValue == 450)
    #expect(report["rows"]?.arrayValue?.allSatisfy { $0["final"] == .bool(true) } ?? false)
  }

  // MARK: Budget, states, shards, threads

  @Test func theBudgetIsKept() throws {
    let report = try json(Self.small + ["--budget", "3000img"])
    #expect((report["cost"]?["images"]?.intValue ?? .max) <= 3000)
    #expect(report["cost"]?["cut"]?.arrayValue?.isEmpty == false)
    #expect(report["scores"]?.arrayValue?.count == 1)
  }

  @Test func threadsChangeNothing() throws {
    var reports: [JSON] = []
    for threads in ["1", "3"] {
      reports.append(
        try json(
          Self.small + [
            "--threads", threads, "-o", "OUT/best-\(threads)", "--tune", "fc", "--tune-epochs", "2",
          ]))
    }
    #expect(timeless(reports[0]) == timeless(reports[1]))
    let bytes = try ["1", "3"].map {
      try Data(contentsOf: URL(fileURLWithPath: folder.file("best-\($0)")))
    }
    #expect(bytes[0] == bytes[1])
  }

  @Test func aKilledSearchGoesOn() throws {
    let whole = try json(Self.small + ["-o", "OUT/whole"])
    // Killed again and again, at moments that depend on the machine; whatever the state holds, the result is the same.
    let words = Self.small.map { "'\($0)'" }.joined(separator: " ")
    for seconds in ["0.3", "0.6", "1.2"] {
      _ = try Tool.shell(
        "timeout -s KILL \(seconds) ckpt-best \(words) --state '\(folder.path)/state' -q >/dev/null; true")
    }
    let resumed = try json(Self.small + ["--state", "OUT/state", "-o", "OUT/resumed"])
    #expect(timeless(resumed) == timeless(whole))
    let again = try json(Self.small + ["--state", "OUT/state", "-o", "OUT/again"])
    #expect(timeless(again) == timeless(whole))
    let bytes = try ["whole", "resumed", "again"].map {
      try Data(contentsOf: URL(fileURLWithPath: folder.file($0)))
    }
    #expect(bytes[0] == bytes[1] && bytes[0] == bytes[2])
    let other = try best(Self.small + ["--state", "OUT/state", "--seed", "9"], status: 65)
    #expect(other.messages.contains("another \"seed\""), "\(other.messages)")
  }

  @Test func shardsAreMerged() throws {
    for shard in 0..<2 {
      _ = try best(Self.small + ["--shard", "\(shard)/2", "--state", "OUT/s\(shard)", "-q"])
    }
    let merged = try json(Self.small + ["-o", "OUT/merged", "--merge", "OUT/s1", "OUT/s0"])
    #expect(merged["answer"] != nil)
    try runPipe(of: merged, to: folder.file("pipe"))
    #expect(try bytesWithoutHistory(folder.file("merged")) == bytesWithoutHistory(folder.file("pipe")))
    let missing = try best(Self.small + ["--merge", "OUT/s0"], status: 65)
    #expect(missing.messages.contains("shard 1 of 2 is missing"), "\(missing.messages)")
  }

  @Test func nothingIsLeftBehind() throws {
    let scratch = folder.file("scratch")
    try FileManager.default.createDirectory(atPath: scratch, withIntermediateDirectories: true)
    let words = Self.small.map { "'\($0)'" }.joined(separator: " ")
    for signal in ["TERM", "KILL"] {
      _ = try Tool.shell(
        "export TMPDIR='\(scratch)'; timeout -s \(signal) 0.5 ckpt-best \(words) -q >/dev/null; true")
    }
    let outcome = try Tool.shell("export TMPDIR='\(scratch)'; ckpt-best \(words) -q >/dev/null")
    #expect(outcome.status == 0, "\(outcome.messages)")
    #expect(try FileManager.default.contentsOfDirectory(atPath: scratch) == [])
  }
}
