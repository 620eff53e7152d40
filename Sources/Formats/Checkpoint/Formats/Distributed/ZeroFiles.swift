import Platform

/// Names of the files of one checkpoint of DeepSpeed, by rank.
struct ZeroFiles {
  /// Path with a slash at the end.
  private(set) var folder: String
  private(set) var optimizerStates: [String] = []
  private(set) var modelStates: [String] = []

  private static let latestName = "latest"
  private static let optimizerSuffix = "_optim_states.pt"
  private static let modelSuffix = "_model_states.pt"

  /// True if a folder holds a checkpoint of DeepSpeed, or says where it is.
  static func isFound(in folder: String) -> Bool {
    let names = fileNames(in: folder)
    if names.contains(where: { $0.ends(in: modelSuffix) && $0.contains("mp_rank_") }) { return true }
    guard let tag = try? latest(in: folder, names) else { return false }
    return fileNames(in: folder + tag).contains { $0.ends(in: modelSuffix) }
  }

  /// The folder that `latest` names; nil without such a file.
  private static func latest(in folder: String, _ names: [String]) throws(CheckpointError) -> String? {
    guard names.contains(latestName) else { return nil }
    let file = try InputFile(regularFileAt: folder + latestName)
    guard file.length <= 1024 else { throw .malformed(path: file.label, reason: "is no name of a folder") }
    var bytes = try file.bytes(at: 0, count: file.length)
    while let last = bytes.last, last <= 0x20 { bytes.removeLast() }
    let tag = String(decoding: bytes.drop { $0 <= 0x20 }, as: UTF8.self)
    guard isPlainName(tag) else { throw .malformed(path: file.label, reason: "names no folder next to it") }
    return tag
  }

  /// - Throws: `CheckpointError.malformed` or `.incompleteFolder` for files of other kinds of parallel training, or when some
  ///   are missing.
  init(in path: String, label: String) throws(CheckpointError) {
    folder = path
    var names = fileNames(in: path)
    if !names.contains(where: { $0.ends(in: Self.modelSuffix) }), let tag = try Self.latest(in: path, names) {
      folder = path + tag + "/"
      names = fileNames(in: folder)
    }
    if let expert = names.first(where: { $0.begins(with: "layer_") || $0.begins(with: "expp_rank_") }) {
      throw .malformed(
        path: label,
        reason: "has \"\(TensorName(expert))\": pipelines and experts of DeepSpeed are not supported")
    }
    optimizerStates = try Self.ranked(names.filter { $0.ends(in: Self.optimizerSuffix) }, label)
    modelStates = try Self.ranked(names.filter { $0.ends(in: Self.modelSuffix) }, label)
    guard !modelStates.isEmpty else {
      throw .incompleteFolder(path: label, reason: "lacks *_model_states.pt")
    }
  }

  /// Names in the order of their data parallel ranks, all from 0 on.
  private static func ranked(_ names: [String], _ label: String) throws(CheckpointError) -> [String] {
    var byRank: [Int: String] = [:]
    for name in names {
      var stem = name
      for prefix in ["bf16_", "fp16_"] { stem = stem.dropping(prefix: prefix) ?? stem }
      // zero_pp_rank_R_mp_rank_00, or mp_rank_00 alone.
      var rank = 0
      if let rest = stem.dropping(prefix: "zero_pp_rank_") {
        let digits = rest.utf8.prefix { (0x30...0x39).contains($0) }
        guard (1...9).contains(digits.count), let number = Int(Substring(digits)) else { continue }
        rank = number
        stem = String(Substring(rest.utf8.dropFirst(digits.count + 1)))
      }
      guard let rest = stem.dropping(prefix: "mp_rank_") else { continue }
      let digits = rest.utf8.prefix { (0x30...0x39).contains($0) }
      guard !digits.isEmpty, digits.allSatisfy({ $0 == 0x30 }) else {
        throw .malformed(
          path: label,
          reason: "has \"\(TensorName(name))\": tensor parallel checkpoints of DeepSpeed are not supported")
      }
      guard byRank.updateValue(name, forKey: rank) == nil else {
        throw .malformed(
          path: label, reason: "has two files of rank \(rank), one of them \"\(TensorName(name))\"")
      }
    }
    guard let last = byRank.keys.max() else { return [] }
    guard last + 1 == byRank.count else {
      let missing = (0...last).first { byRank[$0] == nil }!
      throw .incompleteFolder(
        path: label, reason: "lacks the file of rank \(missing) of at least \(last + 1)")
    }
    return byRank.sorted { $0.key < $1.key }.map(\.value)
  }
}
