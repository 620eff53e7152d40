import Checkpoint
import Foundation
import TestSupport
import Testing

/// `ckpt-average` as a shell runs it, on the bundled series of ten.
@Suite struct AverageTests {
  let folder: TemporaryFolder
  let series = Fixtures.path("run")

  init() throws { folder = try TemporaryFolder() }

  private func run(_ arguments: String) throws -> Tool.Outcome {
    try Tool.shell("cd '\(folder.path)' && RUN='\(series)'; ckpt-average \(arguments)")
  }

  private func history(_ name: String) throws -> String {
    try #require(try openCheckpoint(.path(folder.file(name))).metadata["ckpt.history"])
  }

  @Test func dryRunShowsOrderAndWeights() throws {
    let run = try run(#""$RUN"/*.safetensors --method ema --decay 0.5 --last 3 --dry-run"#)
    #expect(run.status == 0, "\(run.messages)")
    let lines = run.text.split(separator: "\n").prefix(3)
    #expect(lines.map { $0.hasSuffix("-102.safetensors") } == [true, false, false])
    #expect(lines.map { String($0.prefix(9)) } == [" 0.250000", " 0.250000", " 0.500000"])
    #expect(try folder.listing().isEmpty)
  }

  @Test func dryRunTellsStepsAmplificationAndOutputs() throws {
    let posthoc = try run(
      #"--series "$RUN" --method posthoc-ema --sigma 0.15 --source-sigma 0.05 --last 4 --dry-run"#)
    #expect(posthoc.text.contains("step 104  "), "\(posthoc.messages)")
    let weights = try run(
      #""$RUN"/epoch-9[56].safetensors --method weights --weights=-1,3 --dry-run"#)
    #expect(weights.text.contains("magnitudes of the weights add up to 2.00"), "\(weights.messages)")
    let many = try run(#"--series "$RUN" --last 2,3 -o 'm-{last}' --dry-run"#)
    #expect(many.text.hasPrefix("m-2:\n"))
    #expect(many.text.contains("\n\nm-3:\n"))
    let dominated = try run(#"--series "$RUN" --method ema --decay 0.9999 --dry-run"#)
    #expect(dominated.messages.contains("99.9 % of the weight"))
  }

  @Test func decayMeantForStepsIsWarnedOf() throws {
    let run = try run(#""$RUN"/*.safetensors --method ema --decay 0.9999 -q -o out"#)
    #expect(run.status == 0)
    #expect(run.messages.contains("epoch-95.safetensors has 99.9 % of the weight"))
  }

  /// 0.9⁹ of the first and 0.1 of the newest, which is 5.13 checkpoints in effect.
  @Test func theSummaryTellsTheWeights() throws {
    let ema = try run(#"--series "$RUN" --method ema -o out"#)
    #expect(
      ema.messages
        == "ckpt-average: 10 checkpoints, epoch-95.safetensors to epoch-104.safetensors: weight of the first 38.7 %, of the newest 10.0 %, effective number of checkpoints 5.1\n"
    )
    let newest = try run(#"--series "$RUN" --method ema --decay 0.01 -q -o out"#)
    #expect(newest.messages.contains("hardly looks back: "), "\(newest.messages)")
    // Weights that were asked for are nothing to warn of.
    let counts = try run(#""$RUN"/epoch-9[567].safetensors --counts 8,1,1 -q -o out"#)
    #expect(counts.messages == "")
    let one = try run(#""$RUN"/epoch-95.safetensors -o out"#)
    #expect(one.messages == "ckpt-average: 1 checkpoint: epoch-95.safetensors\n")
    let two = try run(#"--series "$RUN" --last 2,3 -o 'm-{last}'"#)
    #expect(two.messages.contains("ckpt-average: last 2: 2 of 3 checkpoints, epoch-103"), "\(two.messages)")
  }

  /// Raw and averaged weights of the same file are told apart by the provenance.
  @Test func historyNamesTheStateDict() throws {
    let golden = Fixtures.path("goldens/Averaging")
    #expect(try run("'\(golden)/both-1.pt' '\(golden)/both-2.pt' --key state_dict -o raw").status == 0)
    #expect(try run("'\(golden)/both-1.pt' '\(golden)/both-2.pt' -o averaged").status == 0)
    #expect(try history("raw").contains(#""options":{"method":"mean","key":"state_dict"}"#))
    #expect(try history("averaged").contains(#""key":"state_dict_ema""#))
    #expect(try run(#"--series "$RUN" --method power-ema --sigma 0.1 --last 2 -o steps"#).status == 0)
    #expect(try history("steps").contains(#""step":104"#))
  }

  @Test func severalOutputsFromOneRead() throws {
    let many = try run(
      #"--series "$RUN" --method ema --decay 0.5,0.75 --last 2,4 -o 'ema-{decay}-{last}.st'"#)
    #expect(many.status == 0, "\(many.messages)")
    #expect(
      try folder.listing() == ["ema-0.5-2.st", "ema-0.5-4.st", "ema-0.75-2.st", "ema-0.75-4.st"])
    let one = try run(#"--series "$RUN" --method ema --decay 0.75 --last 4 -o one"#)
    #expect(one.status == 0)
    #expect(
      try Data(contentsOf: URL(fileURLWithPath: folder.file("one")))
        == Data(contentsOf: URL(fileURLWithPath: folder.file("ema-0.75-4.st"))))
    let clash = try run(#"--series "$RUN" --last 2,4 -o out"#)
    #expect(clash.status == 64)
  }

  @Test func historyNamesInputsWithDigestAndWeight() throws {
    #expect(try run(#""$RUN"/epoch-9[89].safetensors -o out"#).status == 0)
    let sum = try Tool.shell(
      "gzip -c '\(series)/epoch-99.safetensors' | tail -c8 | od -An -tx4 -N4 | tr -d ' \\n'")
    let text = try history("out")
    #expect(text.contains(#""name":"epoch-99.safetensors""#))
    #expect(text.contains(#""crc32":"\#(sum.text)","weight":0.5"#), "\(text)")
    // A pipe gets digests only when asked, for they come before the data.
    #expect(try run(#""$RUN"/epoch-9[89].safetensors | cat > piped"#).status == 0)
    #expect(try !history("piped").contains("crc32"))
    #expect(try run(#""$RUN"/epoch-9[89].safetensors --digest crc32 | cat > asked"#).status == 0)
    #expect(try history("asked") == text)
  }

  @Test func bestByMetricsFile() throws {
    try "name\tloss\nepoch-95\t0.5\nepoch-96\t0.1\nepoch-97\tnan\n".write(
      toFile: folder.file("m.tsv"), atomically: true, encoding: .utf8)
    let files = #""$RUN"/epoch-9[567].safetensors --best 1 --metrics m.tsv --dry-run"#
    let best = try run(files + " --mode min")
    #expect(best.text.contains("epoch-96") && !best.text.contains("epoch-95"), "\(best.messages)")
    #expect(try run(files).status == 64, "the direction is never guessed")
    let missing = try run(#"--series "$RUN" --best 1 --metrics m.tsv --mode max --dry-run"#)
    #expect(missing.status == 65)
    #expect(missing.messages.contains("m.tsv: no value for"))
  }

  @Test func evalChoosesAmongWindows() throws {
    // The command prefers the file whose history lists three inputs.
    let run = try run(
      #"--series "$RUN" --search last=2:4 --eval 'n=$(head -c 3000 "$1" | tr , "\n" | grep -c "epoch-.*safetensors"); echo "score $((9 - (n - 3) * (n - 3)))"' -o out"#
    )
    #expect(run.status == 0, "\(run.messages)")
    #expect(try history("out").components(separatedBy: ".safetensors").count - 1 == 3)
    #expect(
      try history("out").contains(
        #""mode":"max","score":9.0,"search":[{"last":2,"score":8.0},{"last":3,"score":9.0},{"last":4,"score":8.0}]"#
      ))
    #expect(try folder.listing() == ["out"])
    let failing = try self.run(#"--series "$RUN" --search last=2 --eval false -o out2"#)
    #expect(failing.status == 65)
    #expect(failing.messages.contains("--eval"))
  }

  @Test func greedySoupSelects() throws {
    // Every candidate scores 1, so only the newest stays.
    let run = try run(#"--series "$RUN" --method greedy-soup --eval 'echo 1 #"$1"' -o out"#)
    #expect(run.status == 0, "\(run.messages)")
    #expect(run.messages.contains("1 of 10 checkpoints"))
    let result = try openCheckpoint(.path(folder.file("out")))
    let newest = try openCheckpoint(.path(series + "/epoch-104.safetensors"))
    for tensor in newest.tensors { #expect(try result.value(tensor.name) == newest.value(tensor.name)) }
    #expect(result.metadata["ckpt.bn"] != "stale")
    #expect(try history("out").contains(#""method":"greedy-soup","mode":"max","score":1"#))
    #expect(try history("out").contains(#""weight":1.0,"score":1"#))
  }

  /// A compressed file, a sharded set and a plain one are the same to it, and each has its own size and digest.
  @Test func everyFormatAndItsDigest() throws {
    #expect(try run(#""$RUN"/epoch-95.safetensors --compress -o packed"#).status == 0)
    #expect(try run(#"packed "$RUN"/epoch-96.safetensors --order given -o mixed"#).status == 0)
    #expect(try run(#""$RUN"/epoch-95.safetensors "$RUN"/epoch-96.safetensors -o plain"#).status == 0)
    let mixed = try openCheckpoint(.path(folder.file("mixed")))
    let plain = try openCheckpoint(.path(folder.file("plain")))
    for tensor in plain.tensors { #expect(try mixed.value(tensor.name) == plain.value(tensor.name)) }
    let size = try Data(contentsOf: URL(fileURLWithPath: folder.file("packed"))).count
    #expect(try history("mixed").contains(#""name":"packed","size":\#(size),"crc32""#))
    #expect(try !history("mixed").contains("00000000"))
  }
}
