import Checkpoint
import Foundation

/// One file of reference outputs in `fixtures/goldens`, such as `Averaging/merging`.
package struct Golden: Sendable {
  package let source: any CheckpointSource

  package init(_ name: String) throws {
    source = try openCheckpoint(.path(Fixtures.path("goldens/\(name).safetensors")))
  }

  package func doubles(_ name: String) throws -> [Double] { try source.value(TensorName(name)).doubles() }

  package func floats(_ name: String) throws -> [Float] { try source.value(TensorName(name)).floats() }

  package func bytes(_ name: String) throws -> [UInt8] { try source.value(TensorName(name)).bytes }

  package func shape(_ name: String) -> [Int]? { source.spec(TensorName(name))?.shape }

  /// The list of paths, relative to `fixtures/`, in the metadata.
  package func paths(_ key: String = "images") throws -> [String] {
    try JSON.parse(Array((source.metadata[key] ?? "").utf8)).arrayValue?.compactMap(\.stringValue) ?? []
  }
}

/// The largest difference relative to the largest expected magnitude.
package func relativeError(_ found: [Double], _ expected: [Double]) -> Double {
  guard found.count == expected.count else { return .infinity }
  let scale = expected.reduce(0) { max($0, abs($1)) }
  return zip(found, expected).reduce(0) { max($0, abs($1.0 - $1.1)) } / scale
}
