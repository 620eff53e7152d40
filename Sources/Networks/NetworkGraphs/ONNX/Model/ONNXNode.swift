/// One operator of an ONNX graph.
public struct ONNXNode: Sendable {
  /// Its name, or that of its first result where it has none.
  public let name: String
  /// The operator, for example `Conv`.
  public let type: String
  /// Domain of the operator; empty for the standard operators.
  public let domain: String
  /// Names of the operands; empty for omitted optional ones.
  public let inputs: [String]
  /// Names of the results.
  public let outputs: [String]
  let attributes: [String: ONNXAttribute]

  /// True if the attribute is present.
  public func has(_ name: String) -> Bool { attributes[name] != nil }

  /// An integer attribute.
  public func int(_ name: String) -> Int? {
    if case .int(let value) = attributes[name] { value } else { nil }
  }

  /// A list of integers.
  public func ints(_ name: String) -> [Int]? {
    if case .ints(let values) = attributes[name] { values } else { nil }
  }

  /// A real attribute: the shortest decimal that rounds to the file's float32.
  public func real(_ name: String) -> Double? {
    if case .float(let value) = attributes[name] { decimal(value) } else { nil }
  }

  /// A list of reals.
  public func reals(_ name: String) -> [Double]? {
    if case .floats(let values) = attributes[name] { values.map(decimal) } else { nil }
  }

  /// A text.
  public func text(_ name: String) -> String? {
    if case .text(let value) = attributes[name] { value } else { nil }
  }

  /// A tensor.
  public func tensor(_ name: String) -> ONNXTensor? {
    if case .tensor(let value) = attributes[name] { value } else { nil }
  }

  /// 1e-5 is stored as 9.99999975e-06; the decimal is meant.
  private func decimal(_ value: Float) -> Double { Double("\(value)") ?? Double(value) }
}

/// The value of an attribute, restricted to the kinds that operators of a classifier have.
enum ONNXAttribute: Sendable {
  case int(Int)
  case ints([Int])
  case float(Float)
  case floats([Float])
  case text(String)
  case tensor(ONNXTensor)
}
