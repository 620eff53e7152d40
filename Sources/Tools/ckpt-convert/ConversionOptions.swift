import ArgumentParser
import Checkpoint
import Command
import Platform

/// Selection, names and element type of the tensors.
struct ConversionOptions: ParsableArguments {
  @Option(help: "Element type of the floating-point tensors.")
  var dtype: ConversionType = .same

  @Flag(help: "Clamp values beyond the range of --dtype; otherwise they are an error.")
  var saturate = false

  @Option(help: ArgumentHelp("Tensors to keep, by name; all others are omitted.", valueName: "regex"))
  var include: [String] = []

  @Option(help: ArgumentHelp("Tensors to omit, by name.", valueName: "regex"))
  var exclude: [String] = []

  @Option(help: ArgumentHelp("Prefix to remove from names.", valueName: "text"))
  var stripPrefix: [String] = []

  @Option(
    help: ArgumentHelp(
      "Replacement for matches in names; $1 is the first group.", valueName: "regex=template"))
  var rename: [Renaming] = []

  enum ConversionType: String, DTypeArgument, CaseIterable {
    case same, f32, f16, bf16, f64, f8_e4m3, f8_e5m2
    var dtype: DType? { DType(name: rawValue.uppercased()) }
  }

  func validate() throws {
    for pattern in include + exclude {
      do { _ = try Regex(pattern) } catch {
        throw ValidationError("'\(pattern)' is not a valid regular expression")
      }
    }
  }

  var conversion: Conversion {
    var conversion = Conversion()
    conversion.dtype = dtype.dtype
    conversion.saturates = saturate
    let (included, excluded, prefixes, renamings) = (include, exclude, stripPrefix, rename)
    // Patterns were checked when the arguments were read; regexes are not sendable, texts are.
    @Sendable func matches(_ name: TensorName, _ patterns: [String]) -> Bool {
      patterns.contains { (try? Regex($0).firstMatch(in: name.string)) ?? nil != nil }
    }
    conversion.includes = { (included.isEmpty || matches($0, included)) && !matches($0, excluded) }
    conversion.renames = { name in
      var text = name.string
      for prefix in prefixes { text = text.dropping(prefix: prefix) ?? text }
      for renaming in renamings { text = renaming.applied(to: text) }
      return TensorName(text)
    }
    return conversion
  }

  /// Provenance of the changes to the tensors; nil when nothing changed, so that a mere change of format
  /// leaves no trace.
  var provenance: Provenance? {
    var settings: [(String, JSON)] = []
    if dtype != .same { settings.append(("dtype", .string(dtype.rawValue))) }
    if saturate { settings.append(("saturate", .bool(true))) }
    for (key, values) in [
      ("include", include), ("exclude", exclude), ("strip_prefix", stripPrefix),
      ("rename", rename.map(\.text)),
    ] where !values.isEmpty { settings.append((key, .array(values.map(JSON.string)))) }
    return settings.isEmpty ? nil : Provenance(tool: "ckpt-convert", options: settings)
  }
}

/// `--rename REGEX=TEMPLATE`.
struct Renaming: ExpressibleByArgument, Sendable {
  let text: String
  private let pattern: String
  private let template: String

  init?(argument: String) {
    guard let equals = argument.lastIndex(of: "=") else { return nil }
    text = argument
    pattern = String(argument[..<equals])
    template = String(argument[argument.index(after: equals)...])
    guard (try? Regex(pattern)) != nil else { return nil }
  }

  func applied(to name: String) -> String {
    guard let regex = try? Regex(pattern) else { return name }
    return name.replacing(regex) { match in
      var result = ""
      var rest = template[...]
      while let character = rest.popFirst() {
        if character == "$", let digit = rest.first?.wholeNumberValue, digit < match.output.count {
          result += match.output[digit].substring ?? ""
          rest.removeFirst()
        } else {
          result.append(character)
        }
      }
      return result
    }
  }
}
