import Checkpoint

/// Record of a checkpoint that has become part of an average.
public struct InputRecord: Sendable, Equatable {
  /// The file's name without folders.
  public var name: String
  /// Size of its files.
  public var size: Int
  /// Digest of its bytes, in hexadecimal; nil when not requested.
  public var digest: String?
  /// Identifies the tensors without reading all of them.
  var fingerprint: String
  /// Its training step; nil when the method does not need it.
  public var step: Double?
  /// Number of models in it.
  public var modelCount: Double
  /// Its step of the sum.
  var part: LinearCombination.Step

  /// A record of a checkpoint of a series.
  init(_ member: SeriesMember, _ timeline: Timeline, _ index: Int, part: LinearCombination.Step) throws {
    name = member.name
    size = member.byteCount
    // Of all tensors, selected or not.
    fingerprint = try SeriesMember(member.source).fingerprint()
    step = timeline.steps?[index]
    modelCount = timeline.modelCounts[index]
    self.part = part
  }
}

extension InputRecord {
  init?(_ json: JSON) {
    guard let name = json["name"]?.stringValue, let size = json["size"]?.intValue,
      let fingerprint = json["fingerprint"]?.stringValue, let modelCount = json["models"]?.doubleValue,
      let keep = json["keep"]?.doubleValue, let add = json["add"]?.doubleValue, size >= 0, modelCount > 0
    else { return nil }
    // Both may be left out, but are never something else.
    let (digest, step) = (json["digest"], json["step"])
    guard (digest == nil) == (digest?.stringValue == nil), (step == nil) == (step?.doubleValue == nil) else {
      return nil
    }
    part = .init(keep: keep, add: add)
    self.name = name
    self.size = size
    self.fingerprint = fingerprint
    self.modelCount = modelCount
    self.digest = digest?.stringValue
    self.step = step?.doubleValue
  }

  var json: JSON {
    var members: [(String, JSON)] = [
      ("name", .string(name)), ("size", JSON(size)), ("fingerprint", .string(fingerprint)),
      ("models", JSON(modelCount)), ("keep", JSON(part.keep)), ("add", JSON(part.add)),
    ]
    if let digest { members.append(("digest", .string(digest))) }
    if let step { members.append(("step", JSON(step))) }
    return .object(members)
  }
}

extension SeriesMember {
  /// CRC-32 over names and the ends of all tensors: two checkpoints of one training run differ in some of
  /// them, since optimizers change every weight.
  func fingerprint() throws -> String {
    var checksum: UInt32 = 0
    func add(_ bytes: UnsafeRawBufferPointer) { checksum = crc32(bytes, continuing: checksum) }
    var buffer = [UInt8](repeating: 0, count: 256)
    for tensor in tensors.sorted(by: { $0.name < $1.name }) {
      var name = tensor.name.string
      name.withUTF8 { add(UnsafeRawBufferPointer($0)) }
      let count = min(buffer.count, tensor.byteCount)
      try buffer.withUnsafeMutableBytes {
        let part = UnsafeMutableRawBufferPointer(rebasing: $0[..<count])
        try read(tensor.name, at: tensor.byteCount - count, into: part)
        add(UnsafeRawBufferPointer(part))
      }
    }
    return hexadecimal(checksum)
  }
}
