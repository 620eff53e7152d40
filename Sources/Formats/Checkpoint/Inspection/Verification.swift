/// Reads every tensor of an open checkpoint, so that all checksums of its format are checked.
///
/// - Returns: One line per damaged tensor.
public func verify(_ source: any CheckpointSource) -> [String] {
  source.tensors.compactMap { spec in
    do {
      let found = try source.checksum(of: spec)
      guard let recorded = source.recordedChecksum(spec.name), recorded != found else { return nil }
      return "\(source.label): tensor \"\(spec.name)\": checksum does not match"
    } catch {
      return "\(error)"
    }
  }
}
