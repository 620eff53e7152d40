/// One operator of an ONNX graph.
public struct ONNXNode: Sendable {
  /// Its name, or where it has none that of its first result.
  public let name: String
  /// The operator, for example `Conv`.
  public let type: String
  /// Empty for the standard operators.
  public let domain: String
  /// Names of the operands; empty for optional ones that are left out.
  public let inputs: [String]
  /// Names of the results.
  public let outputs: [String]
  let attributes: [String: ONNXAttribute]

  /// Whether the attribute is there.
  public func has(_ name: String) -> Bool { attributes[name] != nil }

  /// An integer attribute.
  public func int(_ name: String) -> Int? {
    if case .int(let value) = attributes[name] { value } else { nil }
  }

  /// A list of integers.
  public func ints(_ name: String) -> [Int]? {
    if case .ints(let values) = attributes[name] { values } else { nil }
  }

  /// A real attribute: the shortest decimal that the file's float32 stands for.
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

  /// 1e-5 is written as 9.99999975e-06; the number meant is the decimal.
  private func decimal(_ value: Float) -> Double { Double("\(value)") ?? Double(value) }
}

/// The value of an attribute; kinds that no operator of a classifier has are left out.
enum ONNXAttribute: Sendable {
  case int(Int)
  case ints([Int])
  case float(Float)
  case floats([Float])
  case text(String)
  case tensor(ONNXTensor)
}
