import Checkpoint
import Foundation
import TestSupport
import Testing

/// `ckpt-average --state`: stopping and going on gives the bytes of one run.
@Suite struct AverageStateTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func run(_ arguments: String) throws -> Tool.Outcome {
    try Tool.shell(
      "cd '\(folder.path)' && RUN='\(Fixtures.path("run"))'; ckpt-average -q \(arguments)")
  }

  private func bytes(_ name: String) throws -> Data {
    try Data(contentsOf: URL(fileURLWithPath: folder.file(name)))
  }

  private static func files(_ epochs: ClosedRange<Int>) -> String {
    epochs.map { "\"$RUN\"/epoch-\($0).safetensors" }.joined(separator: " ")
  }

  static let methods = [
    "--method mean", "--method ema --decay 0.7", "--method ema --half-life 3 --debiased",
    "--method ema --warmup", "--method ema --decay 0.99 --decay-interval 0.5 --steps names",
    "--method tanh-ema", "--method power-ema --sigma 0.1 --buffers average --dtype bf16",
    "--method mean --digest sha256 --exclude layer1", "--method mean --digest none",
  ]

  @Test(arguments: methods) func stoppingAnywhereGivesTheBytesOfOneRun(_ method: String) throws {
    let whole = try run("\(method) \(Self.files(95...104)) -o whole")
    #expect(whole.status == 0, "\(whole.messages)")
    for stop in [95, 99, 103] {
      let first = try run("\(method) --state s\(stop) \(Self.files(95...stop)) -o first")
      #expect(first.status == 0, "\(first.messages)")
      let part = try run("\(method) \(Self.files(95...stop)) -o part")
      #expect(part.status == 0, "\(part.messages)")
      #expect(try bytes("first") == bytes("part"))
      let second = try run("\(method) --state s\(stop) \(Self.files(stop + 1...104)) -o second")
      #expect(second.status == 0, "\(second.messages)")
      #expect(try bytes("second") == bytes("whole"), "after \(stop)")
    }
    #expect(try bytes("s95") == bytes("s103"))
  }

  @Test func theSameCommandWithMoreFilesGoesOn() throws {
    #expect(try run("--state s \(Self.files(95...97)) -o a").status == 0)
    let again = try Tool.shell(
      "cd '\(folder.path)' && RUN='\(Fixtures.path("run"))'; ckpt-average --state s \(Self.files(95...99)) -o b"
    )
    #expect(again.status == 0)
    #expect(again.messages.contains("3 of 5 checkpoints are in s already"), "\(again.messages)")
    #expect(try run("\(Self.files(95...99)) -o whole").status == 0)
    #expect(try bytes("b") == bytes("whole"))
    let state = try bytes("s")
    // Nothing new: the average of what there is, and the state stays as it is.
    #expect(try run("--state s -o c").status == 0)
    #expect(try bytes("c") == bytes("whole"))
    #expect(try run("--state s \(Self.files(95...99)) -o d --threads 1").status == 0)
    #expect(try bytes("d") == bytes("whole"))
    #expect(try bytes("s") == state)
    let late = try run("--state s \(Self.files(100...100)) \"$RUN\"/epoch-97.safetensors --order given -o e")
    #expect(late.status == 65)
    #expect(late.messages.contains("epoch-97.safetensors: is part of s already"))
  }

  @Test func aStateBelongsToItsOptions() throws {
    #expect(try run("--state s --method ema --decay 0.7 \(Self.files(95...97)) -o a").status == 0)
    let state = try bytes("s")
    for (options, message) in [
      ("--method ema --decay 0.8", "decay 0.7, not 0.8"), ("--method mean", #"method "ema", not "mean""#),
      ("--method ema --decay 0.7 --buffers average", #"buffers unset, not "average""#),
      ("--method ema --decay 0.7 --digest none", #"digest "crc32", not "none""#),
    ] {
      let other = try run("--state s \(options) \(Self.files(98...98)) -o b")
      #expect(other.status == 64)
      #expect(other.messages.contains(message), "\(other.messages)")
    }
    // The element type is the output's alone.
    #expect(
      try run("--state s --method ema --decay 0.7 --dtype f16 \(Self.files(98...98)) -o b").status == 0)
    #expect(try bytes("s") != state)
    #expect(try run("--state s --method ema --decay 0.7 \(Self.files(99...99)) -o ./s").status == 64)
    let mixedUp = try run("s -o b")
    #expect(mixedUp.status == 65)
    #expect(mixedUp.messages.contains("give it with --state"), "\(mixedUp.messages)")
    let foreign = try run("--state \"$RUN\"/epoch-95.safetensors \(Self.files(98...98)) -o b")
    #expect(foreign.status == 65)
    #expect(foreign.messages.contains("is not a ckpt-average state"))
  }

  @Test func whatCannotBeContinuedIsRefused() throws {
    for options in [
      "--method median", "--method swag", "--method posthoc-ema --sigma 0.1 --source-sigma 0.05",
      "--last 2", "--method ema --decay 0.5,0.9", "--search last=1,2", "--report r", "--keys union",
    ] {
      let outcome = try run("--state s \(options) \(Self.files(95...98)) -o a")
      #expect(outcome.status == 64, "\(options): \(outcome.messages)")
    }
    #expect(try folder.listing() == [])
  }

  @Test func otherTensorsAreRefused() throws {
    #expect(try run("--state s \(Self.files(95...96)) -o a").status == 0)
    #expect(try run("\(Self.files(97...97)) --exclude fc.bias -o other").status == 0)
    let state = try bytes("s")
    let outcome = try run("--state s other -o b")
    #expect(outcome.status == 65)
    #expect(
      outcome.messages.contains(#"other: tensor "fc.bias": missing, but s has it"#), "\(outcome.messages)")
    #expect(try bytes("s") == state)
  }

  /// A weight of zero and a decay of one leave sums alone; their factors must not be lost between runs.
  @Test func checkpointsWithoutAWeight() throws {
    let method = "--method weights --weights"
    #expect(try run("\(method) 1,0,3,0 \(Self.files(95...98)) -o whole").status == 0)
    #expect(try run("--state s \(method) 1,0 \(Self.files(95...96)) -o a").status == 0)
    #expect(try run("--state s \(method) 1,0,3,0 \(Self.files(97...98)) -o b").status == 0)
    #expect(try bytes("b") == bytes("whole"))
    let changed = try run("--state s \(method) 2,0,3,0,1 \(Self.files(99...99)) -o c")
    #expect(changed.status == 64)
    #expect(
      changed.messages.contains("a weight for epoch-95.safetensors of 1.0, not 2.0"), "\(changed.messages)")
  }

  @Test func aDryRunWritesNothing() throws {
    #expect(try run("--state s --method ema --decay 0.5 \(Self.files(95...96)) -o a").status == 0)
    let state = try bytes("s")
    let dry = try run("--state s --method ema --decay 0.5 \(Self.files(97...97)) --dry-run")
    #expect(dry.status == 0)
    #expect(
      dry.text.split(separator: "\n").map { $0.prefix(9) }.prefix(3) == [
        " 0.250000", " 0.250000", " 0.500000",
      ])
    #expect(try bytes("s") == state)
  }

  /// Whenever the process dies, the state is the old or the new one, the output whole or not there, and the same command
  /// goes on from either.
  @Test func killedAtAnyTime() throws {
    // Large enough that most kills come amid the work.
    let values = TensorValue(f32: (0..<3_000_000).map { Float($0) }, shape: [3_000_000])
    for epoch in 1...6 {
      let writer = try CheckpointWriter(
        to: .path(folder.file("e\(epoch)")),
        tensors: [
          TensorSpec(name: "w", dtype: .f32, shape: [3_000_000]),
          TensorSpec(name: "x", dtype: .f32, shape: [1]),
        ], metadata: Metadata())
      try writer.write(values)
      try writer.write(TensorValue(f32: [Float(epoch)], shape: [1]))
      try writer.finish()
    }
    #expect(try run("--state s e1 e2 e3 -o out").status == 0)
    #expect(try run("e1 e2 e3 e4 e5 e6 -o whole").status == 0)
    let (oldState, oldOutput) = (try bytes("s"), try bytes("out"))
    try FileManager.default.copyItem(atPath: folder.file("s"), toPath: folder.file("t"))
    #expect(try run("--state t e4 e5 e6 -o whole-by-state").status == 0)
    let (newState, newOutput) = (try bytes("t"), try bytes("whole"))
    #expect(try bytes("whole-by-state") == newOutput)
    var kills = 0
    for delay in stride(from: 0.0, through: 0.12, by: 0.006) {
      try oldState.write(to: URL(fileURLWithPath: folder.file("s")))
      try oldOutput.write(to: URL(fileURLWithPath: folder.file("out")))
      let killed = try Tool.shell(
        "cd '\(folder.path)' && { ckpt-average -q --state s e4 e5 e6 -o out & sleep \(delay); kill -9 $! 2>/dev/null; wait $!; }"
      )
      if killed.status == 137 { kills += 1 }
      let (state, output) = (try bytes("s"), try bytes("out"))
      #expect(state == oldState || state == newState, "after \(delay) s")
      #expect(output == oldOutput || output == newOutput, "after \(delay) s")
      #expect(try run("--state s e1 e2 e3 e4 e5 e6 -o out").status == 0)
      #expect(try bytes("out") == newOutput)
      #expect(try bytes("s") == newState)
    }
    #expect(kills > 0)
  }
}
