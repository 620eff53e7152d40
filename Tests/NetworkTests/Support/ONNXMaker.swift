@testable import NetworkGraphs

/// Writes small models down, right or wrong.
struct ONNXMaker {
  enum Value {
    case ints([Int64])
    case real(Float)
    case text(String)
  }

  var model = OnnxSubset_Model()

  init(opset: Int64 = 17) {
    model.irVersion = 8
    var version = OnnxSubset_OperatorSet()
    version.version = opset
    model.opsetImport = [version]
  }

  private func value(_ name: String, _ shape: [Int64]) -> OnnxSubset_ValueInfo {
    var value = OnnxSubset_ValueInfo()
    value.name = name
    value.type.tensorType.shape.dim = shape.map { extent in
      var dimension = OnnxSubset_Dimension()
      dimension.dimValue = extent
      return dimension
    }
    return value
  }

  /// - Parameter shape: Zeros are open extents.
  mutating func input(_ name: String, _ shape: [Int64]) { model.graph.input.append(value(name, shape)) }

  mutating func output(_ name: String) { model.graph.output.append(value(name, [])) }

  /// - Parameter attributes: A list of one integer is written as an integer, unless it is `perm` or `split`.
  mutating func node(
    _ type: String, _ inputs: [String], _ outputs: [String], _ attributes: [String: Value] = [:]
  ) {
    var node = OnnxSubset_Node()
    node.opType = type
    node.input = inputs
    node.output = outputs
    node.attribute = attributes.sorted { $0.key < $1.key }.map { name, value in
      var attribute = OnnxSubset_Attribute()
      attribute.name = name
      switch value {
      case .ints(let values) where values.count == 1 && !["strides", "pads"].contains(name):
        (attribute.type, attribute.i) = (2, values[0])
      case .ints(let values): (attribute.type, attribute.ints) = (7, values)
      case .real(let value): (attribute.type, attribute.f) = (1, value)
      case .text(let text): (attribute.type, attribute.s) = (3, .init(text.utf8))
      }
      return attribute
    }
    model.graph.node.append(node)
  }

  mutating func tensor(_ name: String, _ shape: [Int64], _ floats: [Float]) {
    var tensor = OnnxSubset_Tensor()
    tensor.name = name
    tensor.dims = shape
    tensor.dataType = 1
    tensor.floatData = floats
    model.graph.initializer.append(tensor)
  }

  mutating func ints(_ name: String, _ values: [Int]) {
    var tensor = OnnxSubset_Tensor()
    tensor.name = name
    tensor.dims = [Int64(values.count)]
    tensor.dataType = 7
    tensor.int64Data = values.map { Int64($0) }
    model.graph.initializer.append(tensor)
  }

  mutating func external(_ name: String, _ shape: [Int64], _ entries: [String: String]) {
    tensor(name, shape, [])
    let last = model.graph.initializer.count - 1
    model.graph.initializer[last].dataLocation = 1
    model.graph.initializer[last].externalData = entries.sorted { $0.key < $1.key }.map { key, value in
      var entry = OnnxSubset_Entry()
      entry.key = key
      entry.value = value
      return entry
    }
  }

  func bytes() throws -> [UInt8] { try model.serializedBytes() }

  func parsed(folder: String = ".") throws -> ONNXModel {
    try ONNXModel(bytes(), label: "test.onnx", folder: folder)
  }
}
