import Checkpoint
import Foundation
import TestSupport
import Testing

/// Which files `ckpt-average` takes, and in which order.
@Suite struct AverageSeriesTests {
  let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func run(_ arguments: String) throws -> Tool.Outcome {
    try Tool.shell("cd '\(folder.path)' && ckpt-average \(arguments)")
  }

  private func write(
    _ name: String, _ value: Float, head: Int = 1, metadata: [String: String] = [:]
  ) throws {
    let path = URL(fileURLWithPath: folder.file(name))
    try FileManager.default.createDirectory(
      at: path.deletingLastPathComponent(), withIntermediateDirectories: true)
    let writer = try CheckpointWriter(
      to: .path(folder.file(name)),
      tensors: [
        TensorSpec(name: "head", dtype: .f32, shape: [head]), TensorSpec(name: "w", dtype: .f32, shape: [1]),
      ], metadata: Metadata(metadata))
    try writer.write(TensorValue(f32: [Float](repeating: value, count: head), shape: [head]))
    try writer.write(TensorValue(f32: [value], shape: [1]))
    try writer.finish()
  }

  private func value(_ name: String) throws -> Float {
    try openCheckpoint(.path(folder.file(name))).value("w").floats()[0]
  }

  @Test func listsPerFileMeanTheOrderGiven() throws {
    try write("e-3", 3)
    try write("e-4", 4)
    #expect(try run("--method weights --weights 0.9,0.1 e-4 e-3 -o out").status == 0)
    #expect(try value("out") == Float(0.9 * 4 + 0.1 * 3))
    #expect(try run("--counts 3,1 e-4 e-3 -o out").status == 0)
    #expect(try value("out") == 3.75)
    let steps = try run("--method ema --steps 10,20 e-4 e-3 --decay 0.9 --dry-run")
    #expect(steps.text.contains("step 10  e-4"), "\(steps.text)")
    #expect(try run("--method weights --weights 0.9,0.1 e-4 e-3 --order natural -o out").status == 0)
    #expect(try value("out") == Float(0.9 * 3 + 0.1 * 4))
  }

  /// The shell numbers its pipes downwards.
  @Test func streamsAreInTheOrderGiven() throws {
    try write("e-3", 3)
    try write("e-4", 4)
    let outcome = try run("--method ema --decay 0.75 <(cat e-3) <(cat e-4) -o out")
    #expect(outcome.status == 0, "\(outcome.messages)")
    #expect(try value("out") == 3.25)
  }

  @Test func outputsStatesTargetsAndCopiesAreLeftOut() throws {
    for epoch in [9, 10, 11] { try write("run/checkpoint-\(epoch).safetensors", Float(epoch)) }
    for (name, epoch) in [("last", 11), ("model_best", 10), ("checkpoint", 11)] {
      try write("run/\(name).safetensors", Float(epoch), metadata: ["note": "copy"])
    }
    let first = try run("--series run -o run/average.safetensors")
    #expect(first.status == 0, "\(first.messages)")
    #expect(try value("run/average.safetensors") == 10)
    for line in [
      "run/checkpoint.safetensors: left out: a copy of run/checkpoint-11.safetensors",
      "run/last.safetensors: left out: a copy of run/checkpoint-11.safetensors",
      "run/model_best.safetensors: left out: a copy of run/checkpoint-10.safetensors",
    ] { #expect(first.messages.contains(line), "\(first.messages)") }
    // What the first run wrote is the target of the second and an input of the third.
    let second = try run("--series run -o run/average.safetensors")
    #expect(second.messages.contains("run/average.safetensors: left out: it is an output of this run"))
    #expect(try value("run/average.safetensors") == 10)
    let third = try run("--series run --state run/sums.safetensors -o run/other.safetensors")
    #expect(third.status == 0, "\(third.messages)")
    #expect(third.messages.contains("run/average.safetensors: left out: an output of ckpt-average"))
    #expect(try value("run/other.safetensors") == 10)
    let fourth = try run("--series run -o out")
    #expect(fourth.messages.contains("run/sums.safetensors: left out: it holds the sums of an average"))
    #expect(try value("out") == 10)
    for key in MetadataKey.marksOfIntermediateResults where key != MetadataKey.averagingState {
      try write("run/part.safetensors", 99, metadata: [key: "{}"])
      let marked = try run("--series run -o out")
      #expect(
        marked.messages.contains("run/part.safetensors: left out: it holds intermediate results"), "\(key)")
      #expect(try value("out") == 10)
    }
    let dry = try run("--series run --dry-run --last 2")
    #expect(dry.text.contains("checkpoint-10") && dry.text.contains("checkpoint-11"), "\(dry.text)")
    #expect(!dry.text.contains("last") && dry.messages.contains("last.safetensors: left out"))
  }

  @Test func convertedCheckpointsAreStillThoseOfTheRun() throws {
    for epoch in [1, 3] {
      try write("e-\(epoch).safetensors", Float(epoch))
      let converted = try Tool.shell(
        "cd '\(folder.path)' && mkdir -p run && ckpt-convert e-\(epoch).safetensors --dtype f64 -o run/e-\(epoch).safetensors"
      )
      #expect(converted.status == 0, "\(converted.messages)")
    }
    let outcome = try run("--series run -o out")
    #expect(outcome.status == 0, "\(outcome.messages)")
    #expect(try value("out") == 2)
  }

  @Test func aDryRunFindsWhatARunFinds() throws {
    try write("a", 1)
    try write("b", 1)
    let dry = try run("a b --dry-run")
    #expect(dry.status == 65)
    #expect(dry.messages.contains("b: the same checkpoint as a; --allow-duplicates"), "\(dry.messages)")
    #expect(try run("a b --dry-run --allow-duplicates").status == 0)
  }

  @Test func fifosInAFolderAreRefused() throws {
    try write("run/e-1.safetensors", 1)
    let outcome = try Tool.shell(
      "cd '\(folder.path)' && mkfifo run/e-2.safetensors && timeout -s KILL 20 ckpt-average --series run -o out"
    )
    #expect(outcome.status == 65, "\(outcome.messages)")
    #expect(outcome.messages.contains("run/e-2.safetensors: a FIFO"))
  }

  @Test func standardInputIsReadOnce() throws {
    try write("a", 1)
    try write("b", 3)
    #expect(try run("- /dev/stdin -o out < a").status == 64)
    #expect(try run("b /dev/stdin -o out < a").status == 0)
    #expect(try value("out") == 2)
    let metrics = try run("a b --best 1 --mode max --metrics - -o out <<< $'a\\t1\\nb\\t2'")
    #expect(metrics.status == 0, "\(metrics.messages)")
    #expect(try value("out") == 3)
    let pipe = try run("a b --best 1 --mode min --metrics <(printf 'a,1\\nb,2\\n') -o out")
    #expect(pipe.status == 0, "\(pipe.messages)")
    #expect(try value("out") == 1)
  }

  @Test func aMismatchedHeadCanBeExcluded() throws {
    try write("a", 1, head: 10)
    try write("b", 3, head: 12)
    let mismatch = try run("a b -o out")
    #expect(mismatch.status == 65)
    #expect(mismatch.messages.contains("--exclude leaves a tensor out"), "\(mismatch.messages)")
    #expect(try run("a b --exclude head -o out").status == 0)
    #expect(try value("out") == 2)
    let state = try run("--state s a b --exclude head -o out")
    #expect(state.status == 0, "\(state.messages)")
    try write("c", 8, head: 14)
    let more = try run("--state s a b c --exclude head -o out")
    #expect(more.messages.contains("2 of 3 checkpoints are in s already"), "\(more.messages)")
    #expect(try value("out") == 4)
  }

  @Test func timmsSummaryAndStoredMetrics() throws {
    for (epoch, metric) in [(1, "70.5"), (2, "71.5"), (10, "69")] {
      try write("run/checkpoint-\(epoch).safetensors", Float(epoch), metadata: ["metric": metric])
    }
    try "epoch,train_loss,eval_top1\n1,2,70.5\n2,3,71.5\n10,1,69\n".write(
      toFile: folder.file("summary.csv"), atomically: true, encoding: .utf8)
    let best = try run("--series run --best 1 --mode max --metrics summary.csv --metric eval_top1 -o out")
    #expect(best.status == 0, "\(best.messages)")
    #expect(try value("out") == 2)
    let several = try run("--series run --best 1 --mode max --metrics summary.csv -o out")
    #expect(several.status == 65)
    #expect(several.messages.contains("train_loss, eval_top1; choose one with --metric"))
    #expect(try run("--series run --best 1 --mode min -o out").status == 0)
    #expect(try value("out") == 10)
    try write("run/checkpoint-11.safetensors", 11)
    let missing = try run("--series run --best 1 --mode min -o out")
    #expect(missing.status == 65)
    #expect(missing.messages.contains("checkpoint-11.safetensors: no number under \"metric\""))
  }

  @Test func pretrainedModels() throws {
    try write("base", 1)
    try write("run/e-1.safetensors", 3)
    try write("run/e-2.safetensors", 5)
    try write("run/e-3.safetensors", 2)
    let task = try run(
      "--method task-arithmetic --weights 0.5,1 --pretrained base run/e-2.safetensors run/e-1.safetensors -o out"
    )
    #expect(task.status == 0, "\(task.messages)")
    #expect(try value("out") == 1 + 0.5 * 4 + 2)
    let history = try #require(try openCheckpoint(.path(folder.file("out"))).metadata["ckpt.history"])
    #expect(history.contains(#""name":"base","size":"#) && history.contains(#""weight":-0.5"#), "\(history)")
    let stock = try run("--method model-stock --pretrained base --series run --last 2 -o out")
    #expect(stock.status == 0, "\(stock.messages)")
    #expect(try value("out") == 3.5)
    let ties = try run("--method ties --density 1 --pretrained - --series run -o out --report r.json < base")
    #expect(ties.status == 0, "\(ties.messages)")
    #expect(try value("out") == 1 + Float(2 + 4 + 1) / 3)
    let slerp = try run("--method slerp --weights 1,3 run/e-3.safetensors run/e-1.safetensors -o out")
    #expect(slerp.status == 0, "\(slerp.messages)")
    #expect(try value("out") == 2.75)
    #expect(try run("--method slerp --series run -o out").status == 64)
    #expect(try run("--method ties --series run -o out").messages.contains("method ties needs --pretrained"))
    #expect(try run("--method mean --pretrained base --series run -o out").status == 64)
    #expect(
      try run("--method model-stock --pretrained base --series run --last 1,2 -o 'o-{last}'").status == 64)
    #expect(try run("--method ties --pretrained base --series run --state s -o out").status == 64)
    let dry = try run("--method model-stock --pretrained base --series run --dry-run")
    #expect(dry.status == 0 && dry.text.contains("base\n"), "\(dry.text) \(dry.messages)")
    for end in ["--dry-run", "-o out"] {
      let typo = try run("--method model-stock --pretrained base --series run --group 'haed=2' \(end)")
      #expect(typo.status == 64)
      #expect(typo.messages.contains("--group: no averaged tensor has a matching name"), "\(typo.messages)")
    }
  }

  @Test func schedulesOfMerging() throws {
    for epoch in 1...4 { try write("run/e-\(epoch).safetensors", Float(epoch)) }
    #expect(try run("--method schedule --schedule linear --series run -o out").status == 0)
    #expect(try value("out") == 2.5)
    #expect(try run("--method schedule --schedule 1-sqrt --series run --last 1,3 -o 'o-{last}'").status == 0)
    #expect(try value("o-1") == 4)
    let (a, b) = ((1.0 / 3).squareRoot(), (2.0 / 3).squareRoot())
    #expect(try value("o-3") == Float(a * 2 + (b - a) * 3 + (1 - b) * 4))
  }

  @Test func optionsOfOtherMethodsAreRefused() throws {
    try write("a", 1)
    try write("b", 2)
    for (options, message) in [
      ("--method mean --alpha 0.5", "--alpha has no meaning for method mean"),
      ("--method ema --trim 0.2", "--trim has no meaning for method ema"),
      ("--method median --counts 1,2", "--counts has no meaning for method median"),
      ("--method ema --decay 0.5 --half-life 3", "--decay and --half-life exclude each other"),
      ("--method power-ema --steps 1,2", "method power-ema needs --sigma or --gamma"),
      ("--method schedule", "method schedule needs --schedule"),
      ("--method ema --decay 1.5", "decay: expected a number from 0 to 1, found 1.5"),
      ("--method weights --weights 1", "weights: 1 value for 2 checkpoints"),
      ("--series . --order given", "--order given"),
    ] {
      let outcome = try run("\(options.hasPrefix("--series") ? "" : "a b") \(options) -o out")
      #expect(outcome.status == 64, "\(options): \(outcome.messages)")
      #expect(outcome.messages.contains(message), "\(outcome.messages)")
    }
  }
}
