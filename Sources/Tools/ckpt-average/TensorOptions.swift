import ArgumentParser
import Averaging
import Checkpoint
import Command

/// Selection of tensors, and what becomes of them.
struct TensorOptions: ParsableArguments {
  @Option(help: "BatchNorm statistics: from the newest checkpoint, or averaged.")
  var buffers: BufferRule = .latest

  @Option(help: "Element type of the floating-point tensors.")
  var dtype: AverageType = .same

  @Option(
    help:
      "Tensors missing from some checkpoints: an error, omitted, or averaged over the checkpoints that have them."
  )
  var keys: KeyPolicy = .identical

  @Option(help: ArgumentHelp("Tensors to keep, by name; all others are omitted.", valueName: "regex"))
  var include: [String] = []

  @Option(help: ArgumentHelp("Tensors to omit, by name.", valueName: "regex"))
  var exclude: [String] = []

  func validate() throws {
    for pattern in include + exclude {
      do { _ = try Regex(pattern) } catch {
        throw ValidationError("'\(pattern)' is not a valid regular expression")
      }
    }
  }

  var planOptions: AveragingPlan.Options { AveragingPlan.Options(buffers: buffers, dtype: dtype.dtype) }

  /// Predicate of the tensors that are averaged, by name.
  func selection() throws -> (TensorName) -> Bool {
    let (included, excluded) = (try include.map { try Regex($0) }, try exclude.map { try Regex($0) })
    if included.isEmpty && excluded.isEmpty { return { _ in true } }
    func matches(_ name: TensorName, _ patterns: [Regex<AnyRegexOutput>]) -> Bool {
      patterns.contains { (try? $0.firstMatch(in: name.string)) ?? nil != nil }
    }
    // All files of a series have the same names, and a search takes its time.
    var known: [TensorName: Bool] = [:]
    return { name in
      if let answer = known[name] { return answer }
      let answer = (included.isEmpty || matches(name, included)) && !matches(name, excluded)
      known[name] = answer
      return answer
    }
  }

  /// Settings that the result depends on, for the provenance; defaults are left out.
  var settings: [(String, JSON)] {
    var settings: [(String, JSON)] = []
    if buffers != .latest { settings.append(("buffers", .string(buffers.rawValue))) }
    if keys != .identical { settings.append(("keys", .string(keys.rawValue))) }
    if dtype != .same { settings.append(("dtype", .string(dtype.rawValue))) }
    if !include.isEmpty { settings.append(("include", .array(include.map(JSON.string)))) }
    if !exclude.isEmpty { settings.append(("exclude", .array(exclude.map(JSON.string)))) }
    return settings
  }
}

extension BufferRule: ExpressibleByArgument {}
extension KeyPolicy: ExpressibleByArgument {}

/// `--dtype`.
enum AverageType: String, DTypeArgument, CaseIterable {
  case same, f32, f16, bf16, f64

  var dtype: DType? { DType(name: rawValue.uppercased()) }
}
