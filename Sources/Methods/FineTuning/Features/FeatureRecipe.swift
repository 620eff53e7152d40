import Checkpoint

/// Properties that features depend on, by name, in the order in which differences are reported.
///
/// ```swift
/// let recipe = FeatureRecipe([("preprocessing", preprocessing.summary), ("views", "flip 2")])
/// let other = recipe.adding([("seed", "1")])
/// if let (property, values) = recipe.difference(from: other) { print("\(property): \(values)") }
/// ```
public struct FeatureRecipe: Sendable, Equatable {
  private struct Property: Sendable, Equatable {
    let name: TensorName
    let value: TensorName
  }

  private var properties: [Property]

  /// - Parameter properties: names with values; both are texts.
  public init(_ properties: [(name: String, value: String)]) {
    self.properties = properties.map { Property(name: TensorName($0.name), value: TensorName($0.value)) }
  }

  /// The same with more properties.
  public func adding(_ others: [(name: String, value: String)]) -> FeatureRecipe {
    var result = self
    result.properties += FeatureRecipe(others).properties
    return result
  }

  /// Fingerprint of all properties.
  public var fingerprint: ContentHash {
    var hash = ContentHash()
    for property in properties {
      hash.add(property.name.string)
      hash.add(property.value.string)
    }
    return hash
  }

  /// The first property of `wanted` that has another value here, and both values; nil if there is none.
  ///
  /// Properties that `wanted` does not have are not compared.
  public func difference(from wanted: FeatureRecipe) -> (property: String, values: String)? {
    for property in wanted.properties {
      let own = properties.first { $0.name == property.name }
      guard own?.value != property.value else { continue }
      let found = own.map { "\"\($0.value.escaped)\"" } ?? "none"
      return (property.name.escaped, "expected \"\(property.value.escaped)\", found \(found)")
    }
    return nil
  }

  /// The properties as an object of texts.
  var json: JSON { .object(properties.map { ($0.name.string, .string($0.value.string)) }) }

  /// Nil for something else.
  init?(_ json: JSON) {
    guard let members = json.objectValue else { return nil }
    let found = members.compactMap { member in
      member.1.stringValue.map { (name: member.0, value: $0) }
    }
    guard found.count == members.count else { return nil }
    self.init(found)
  }
}
