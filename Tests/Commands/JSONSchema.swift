import Checkpoint

/// The part of JSON Schema (draft 2020-12) that the reports' schemas use.
///
/// Keywords that are not understood are refused, so that none is silently left out of a check.
struct JSONSchema {
  private static let annotations: Set<String> = ["$schema", "title", "description"]

  let schema: JSON

  /// Everything about `value` that the schema forbids, each with the place where it is.
  func violations(of value: JSON, at place: String = "$") throws -> [String] {
    guard let keywords = schema.objectValue else { throw Unsupported(keyword: "a schema that is no object") }
    var found: [String] = []
    func require(_ holds: Bool, _ what: String) { if !holds { found.append("\(place): \(what)") } }
    for (keyword, rule) in keywords where !Self.annotations.contains(keyword) {
      switch keyword {
      case "type":
        let types = (rule.arrayValue ?? [rule]).compactMap(\.stringValue)
        require(
          types.contains { Self.isOfType($0, value) }, "is no \(types.joined(separator: " or "))")
      case "const": require(value == rule, "is not \(rule.encoded())")
      case "enum": require(rule.arrayValue?.contains(value) ?? false, "is none of \(rule.encoded())")
      case "minimum": require(value.doubleValue ?? 0 >= rule.doubleValue!, "is below \(rule.encoded())")
      case "maximum": require(value.doubleValue ?? 0 <= rule.doubleValue!, "is above \(rule.encoded())")
      case "minItems":
        require(Double(value.arrayValue?.count ?? .max) >= rule.doubleValue!, "has too few items")
      case "maxItems":
        require(Double(value.arrayValue?.count ?? 0) <= rule.doubleValue!, "has too many items")
      case "anyOf":
        let choices = try (rule.arrayValue ?? []).map {
          try JSONSchema(schema: $0).violations(of: value, at: place)
        }
        if !choices.contains(where: \.isEmpty) { found += choices.min { $0.count < $1.count } ?? [] }
      case "items":
        for (index, item) in (value.arrayValue ?? []).enumerated() {
          found += try JSONSchema(schema: rule).violations(of: item, at: "\(place)[\(index)]")
        }
      case "required":
        let names = Set((value.objectValue ?? []).map(\.0))
        for name in (rule.arrayValue ?? []).compactMap(\.stringValue) {
          require(names.contains(name), "has no \"\(name)\"")
        }
      case "properties":
        for (name, member) in value.objectValue ?? [] {
          guard let schema = rule.objectValue?.first(where: { $0.0 == name })?.1 else { continue }
          found += try JSONSchema(schema: schema).violations(of: member, at: "\(place).\(name)")
        }
      case "additionalProperties":
        guard rule == .bool(false) else { throw Unsupported(keyword: keyword) }
        let known = Set((schema["properties"]?.objectValue ?? []).map(\.0))
        for (name, _) in value.objectValue ?? [] {
          require(known.contains(name), "has an unknown \"\(name)\"")
        }
      default: throw Unsupported(keyword: keyword)
      }
    }
    return found
  }

  struct Unsupported: Error { let keyword: String }

  private static func isOfType(_ type: String, _ value: JSON) -> Bool {
    switch (type, value) {
    case ("object", .object), ("array", .array), ("string", .string), ("boolean", .bool), ("number", .number):
      true
    case ("integer", .number(let text)): Int(text) != nil
    case ("null", .null): true
    default: false
    }
  }
}
