import Checkpoint
import ImageData

extension Preprocessing {
  /// The settings as options of a provenance entry: without the prefix that distinguishes them in the
  /// metadata.
  package func history() -> [(String, JSON)] {
    metadataEntries.sorted { $0.key < $1.key }.map { key, value in
      (
        key.hasPrefix(MetadataKey.prefix) ? String(key.dropFirst(MetadataKey.prefix.count)) : key,
        .string(value)
      )
    }
  }
}
