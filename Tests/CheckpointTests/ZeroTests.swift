import Foundation
import TestSupport
import Testing

@testable import Checkpoint

/// Folders of DeepSpeed's ZeRO, written by hand after the description in `zero_to_fp32.py`.
@Suite struct ZeroTests {
  static func parameter(_ name: String, _ shape: [Int], from first: Int) -> (
    name: String, value: [Float], shape: [Int]
  ) {
    (name, (0..<shape.reduce(1, *)).map { Float(first + $0) / 8 }, shape)
  }

  /// Two groups; sizes that no number of ranks divides.
  static func folder(stage: Int, ranks: Int) -> ZeroFolder {
    var folder = ZeroFolder(
      stage: stage, ranks: ranks,
      groups: [
        [parameter("a.weight", [5, 7], from: 0), parameter("b.weight", [3, 1, 2], from: 100)],
        [
          parameter("a.bias", [5], from: 200), parameter("scale", [], from: 300),
          parameter("c.bias", [1], from: 400),
        ],
      ])
    folder.buffers = [
      ("norm.running_mean", TensorValue(dtype: .bf16, shape: [2], bytes: [0x80, 0x3F, 0, 0xC0])),
      ("norm.num_batches_tracked", TensorValue(i64: [1 << 40], shape: [])),
      ("cache", TensorValue(f32: [0.5], shape: [1])),
    ]
    folder.frozen = [
      ("embed.weight", TensorValue(dtype: .bf16, shape: [3, 3], bytes: (0..<18).map { UInt8($0) }))
    ]
    folder.shared = [("head.weight", "a.weight")]
    return folder
  }

  static func expected(_ folder: ZeroFolder) -> [TensorName: TensorValue] {
    var values: [TensorName: TensorValue] = [:]
    for parameter in folder.groups.joined() {
      values[TensorName(parameter.name)] = TensorValue(f32: parameter.value, shape: parameter.shape)
    }
    values["head.weight"] = values["a.weight"]
    values["norm.running_mean"] = TensorValue(f32: [1, -2], shape: [2])
    values["norm.num_batches_tracked"] = TensorValue(i64: [1 << 40], shape: [])
    values["cache"] = TensorValue(f32: [0.5], shape: [1])
    values["embed.weight"] = folder.frozen[0].value
    return values
  }

  func refusal(_ path: String, in folder: TemporaryFolder) -> String? {
    do {
      _ = try openCheckpoint(.path(path))
      return nil
    } catch { return "\(error)".replacing(folder.path, with: "") }
  }

  @Test(arguments: [1, 2, 3], [1, 2, 3, 8]) func joinsThePartitions(_ stage: Int, _ ranks: Int) throws {
    for isLean in [true, false] {
      for groupSize in [nil, 1, 4, 100] where stage == 3 || groupSize == nil {
        var folder = Self.folder(stage: stage, ranks: ranks)
        folder.isLean = isLean
        folder.groupSize = groupSize
        let target = try TemporaryFolder()
        try folder.write(to: target.file("run"))
        for path in ["run", "run/", "run/global_step7"] {
          let source = try openCheckpoint(.path(target.file(path)))
          let expected = Self.expected(folder)
          #expect(Set(source.tensors.map(\.name)) == Set(expected.keys))
          for (name, value) in expected { #expect(try source.value(name) == value, "\(name)") }
          #expect(source.tiedTensors == [["a.weight", "head.weight"]])
          #expect(
            source.formatDescription
              == "DeepSpeed ZeRO stage \(stage) of \(ranks) rank\(ranks == 1 ? "" : "s")")
          // Any part of a tensor, also amid an element.
          for spec in source.tensors {
            let whole = try source.value(spec.name).bytes
            for start in 0...whole.count where start % 3 == 1 {
              var part = [UInt8](repeating: 0, count: (whole.count - start) / 2)
              try part.withUnsafeMutableBytes { try source.read(spec.name, at: start, into: $0) }
              #expect(part.elementsEqual(whole[start..<start + part.count]))
            }
          }
        }
      }
    }
  }

  @Test func wrappersOfLightningAndModulesComeOff() throws {
    var folder = Self.folder(stage: 2, ranks: 2)
    folder.prefix = "_forward_module.module."
    let target = try TemporaryFolder()
    try folder.write(to: target.file("last.ckpt"), tag: "checkpoint")
    let source = try openCheckpoint(.path(target.file("last.ckpt")))
    #expect(Set(source.tensors.map(\.name)) == Set(Self.expected(folder).keys))
    #expect(source.tiedTensors == [["a.weight", "head.weight"]])
  }

  @Test func refusesMissingRanks() throws {
    let target = try TemporaryFolder()
    for stage in [2, 3] {
      let folder = target.file("stage\(stage)")
      try Self.folder(stage: stage, ranks: 3).write(to: folder)
      let states = "\(folder)/global_step7/bf16_zero_pp_rank_"
      try FileManager.default.removeItem(atPath: states + "2_mp_rank_00_optim_states.pt")
      #expect(refusal(folder, in: target) == "/stage\(stage): has 2 of 3 files *_optim_states.pt")
      try FileManager.default.removeItem(atPath: states + "0_mp_rank_00_optim_states.pt")
      #expect(refusal(folder, in: target) == "/stage\(stage): lacks the file of rank 0 of at least 2")
    }
  }

  @Test func refusesOtherParallelTraining() throws {
    let target = try TemporaryFolder()
    let folder = target.file("run")
    try Self.folder(stage: 2, ranks: 1).write(to: folder)
    for (name, reason) in [
      ("mp_rank_01_model_states.pt", "tensor parallel checkpoints of DeepSpeed are not supported"),
      ("layer_00-model_states.pt", "pipelines and experts of DeepSpeed are not supported"),
    ] {
      try target.write([], to: "run/global_step7/\(name)")
      #expect(refusal(folder, in: target) == "/run: has \"\(name)\": \(reason)")
      try FileManager.default.removeItem(atPath: "\(folder)/global_step7/\(name)")
    }
    #expect(refusal(folder, in: target) == nil)
  }

  @Test(arguments: ["../global_step7", "", "a/b", ".", "global_step8", "\u{7}"])
  func latestThatLeadsElsewhere(_ tag: String) throws {
    let target = try TemporaryFolder()
    try Self.folder(stage: 2, ranks: 1).write(to: target.file("run"))
    try target.write(Array(tag.utf8), to: "run/latest")
    #expect(refusal(target.file("run"), in: target) != nil)
  }

  @Test func refusesShapesThatDoNotFitThePartitions() throws {
    let target = try TemporaryFolder()
    for stage in [2, 3] {
      let folder = target.file("stage\(stage)")
      try Self.folder(stage: stage, ranks: 2).write(to: folder)
      // The states of a model with a longer parameter, next to the partitions of the other.
      var other = Self.folder(stage: stage, ranks: 2)
      other.groups[0][1].shape = [3, 1, 40]
      other.groups[0][1].value = [Float](repeating: 0, count: 120)
      try other.write(to: target.file("other"))
      for name in try FileManager.default.contentsOfDirectory(atPath: target.file("other/global_step7"))
      where name.hasSuffix("model_states.pt") {
        try target.write(
          try target.read("other/global_step7/\(name)"), to: "stage\(stage)/global_step7/\(name)")
      }
      #expect(refusal(folder, in: target)?.contains("tensor \"b.weight\" reaches beyond") == true)
      other.groups[0][1] = Self.parameter("b.weight", [1], from: 0)
      try FileManager.default.removeItem(atPath: target.file("other"))
      try other.write(to: target.file("other"))
      for name in try FileManager.default.contentsOfDirectory(atPath: target.file("other/global_step7"))
      where name.hasSuffix("model_states.pt") {
        try target.write(
          try target.read("other/global_step7/\(name)"), to: "stage\(stage)/global_step7/\(name)")
      }
      #expect(refusal(folder, in: target)?.contains("the parameters have") == true)
      try FileManager.default.removeItem(atPath: target.file("other"))
    }
  }

  @Test func keyHasNoMeaning() throws {
    let target = try TemporaryFolder()
    try Self.folder(stage: 3, ranks: 2).write(to: target.file("run"))
    var options = OpenOptions()
    options.key = "module"
    #expect(
      throws: CheckpointError.keyWithoutMeaning(
        path: target.file("run"), key: "module", format: "a folder of DeepSpeed")
    ) { try openCheckpoint(.path(target.file("run")), options: options) }
  }
}
