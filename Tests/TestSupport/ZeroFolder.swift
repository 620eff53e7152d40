import Checkpoint
import Foundation

/// A folder of DeepSpeed's ZeRO as several ranks write it, made by hand after `zero_to_fp32.py`'s description.
package struct ZeroFolder {
  package var stage: Int
  package var ranks: Int
  /// Trained parameters, group by group.
  package var groups: [[(name: String, value: [Float], shape: [Int])]]
  /// Parameters that are not trained.
  package var frozen: [(name: String, value: TensorValue)] = []
  package var buffers: [(name: String, value: TensorValue)] = []
  /// Other names of parameters.
  package var shared: [(alias: String, name: String)] = []
  /// True if padding at the end of the last partition was taken off, as stages 1 and 2 do.
  package var isLean = true
  /// Elements of stage 3's groups, which cut the parameters of a rank anywhere; nil for one group.
  package var groupSize: Int?
  package var prefix = ""

  package init(stage: Int, ranks: Int, groups: [[(name: String, value: [Float], shape: [Int])]]) {
    self.stage = stage
    self.ranks = ranks
    self.groups = groups
  }

  /// Writes `TAG/` with the files, and `latest`.
  package func write(to folder: String, tag: String = "global_step7") throws {
    let inner = "\(folder)/\(tag)"
    try FileManager.default.createDirectory(atPath: inner, withIntermediateDirectories: true)
    try Data("\(tag)\n".utf8).write(to: URL(fileURLWithPath: "\(folder)/latest"))
    for rank in 0..<ranks {
      try Data(optimizer(rank)).write(
        to: URL(fileURLWithPath: "\(inner)/bf16_zero_pp_rank_\(rank)_mp_rank_00_optim_states.pt"))
      if stage == 3 || rank == 0 {
        let name =
          stage == 3 ? "zero_pp_rank_\(rank)_mp_rank_00_model_states.pt" : "mp_rank_00_model_states.pt"
        try Data(model(rank)).write(to: URL(fileURLWithPath: "\(inner)/\(name)"))
      }
    }
  }

  /// The vectors of a rank.
  private func vectors(_ rank: Int) -> [[Float]] {
    guard stage < 3 else {
      let own = groups.joined().flatMap { parameter in
        let share = (parameter.value.count + ranks - 1) / ranks
        let padded = parameter.value + [Float](repeating: -7, count: share * ranks - parameter.value.count)
        return Array(padded[rank * share..<(rank + 1) * share])
      }
      guard let groupSize else { return [own] }
      return stride(from: 0, to: own.count, by: groupSize).map {
        Array(own[$0..<min($0 + groupSize, own.count)])
      }
    }
    return groups.map { group in
      let all = group.flatMap(\.value)
      let share = (all.count + 2 * ranks - 1) / (2 * ranks) * 2
      let padded = all + [Float](repeating: -7, count: share * ranks - all.count)
      let part = rank * share..<(rank + 1) * share
      return Array(padded[part.clamped(to: 0..<(isLean ? max(all.count, part.lowerBound) : padded.count))])
    }
  }

  private func optimizer(_ rank: Int) -> [UInt8] {
    var archive = TorchArchive()
    let key = stage == 3 ? "fp32_flat_groups" : "single_partition_of_fp32_groups"
    let vectors = vectors(rank).map { archive.tensor(TensorValue(f32: $0, shape: [$0.count])) }
    let state = PickleValue.members([
      (
        "loss_scaler",
        .instance(
          .global("deepspeed.runtime.fp16.loss_scaler", "LossScaler"),
          state: .members([("cur_scale", .int(1))]))
      ),
      (
        "zero_stage", .call(.global("deepspeed.runtime.zero.config", "ZeroStageEnum"), [.int(stage)])
      ),
      ("partition_count", stage == 3 ? .int(ranks) : .list(groups.map { _ in .int(ranks) })),
      (key, .list(vectors)),
    ])
    return archive.bytes(of: .members([("optimizer_state_dict", state), ("ds_version", .text("0.18.0"))]))
  }

  private func model(_ rank: Int) -> [UInt8] {
    var archive = TorchArchive()
    var module: [(String, PickleValue)] = []
    for (name, value) in buffers { module.append((prefix + name, archive.tensor(value))) }
    for parameter in groups.joined() {
      // Stage 3 leaves placeholders, the others the rounded parameters, which must not be taken.
      let value =
        stage == 3
        ? TensorValue(dtype: .bf16, shape: [0], bytes: [])
        : TensorValue(
          dtype: .bf16, shape: parameter.shape,
          bytes: [UInt8](repeating: 0x3F, count: 2 * parameter.value.count))
      module.append((prefix + parameter.name, archive.tensor(value)))
    }
    let fragments = frozen.map { name, value in
      guard stage == 3 else { return (prefix + name, archive.tensor(value)) }
      let width = value.dtype.bitWidth / 8
      let share = (value.elementCount + ranks - 1) / ranks * width
      let padded = value.bytes + [UInt8](repeating: 0xEE, count: share * ranks - value.bytes.count)
      let part = Array(padded[rank * share..<(rank + 1) * share])
      return (
        prefix + name, archive.tensor(TensorValue(dtype: value.dtype, shape: [share / width], bytes: part))
      )
    }
    let shapes = groups.map { group in
      PickleValue.members(group.map { (prefix + $0.name, .size($0.shape)) })
    }
    let state = PickleValue.members([
      ("module", .members(module)),
      ("buffer_names", .list(buffers.map { .text(prefix + $0.name) })), ("param_shapes", .list(shapes)),
      (
        "frozen_param_shapes",
        frozen.isEmpty ? .none : .members(frozen.map { (prefix + $0.name, .size($0.value.shape)) })
      ),
      ("frozen_param_fragments", frozen.isEmpty ? .none : .members(fragments)),
      ("shared_params", .members(shared.map { (prefix + $0.alias, .text(prefix + $0.name)) })),
      ("ds_version", .text("0.18.0")),
    ])
    return archive.bytes(of: state)
  }
}
