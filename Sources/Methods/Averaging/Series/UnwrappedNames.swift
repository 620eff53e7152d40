import Checkpoint

/// Names of tensors without what wrappers put into them.
struct UnwrappedNames {
  private static let parallel = "module."
  private static let compiled = "_orig_mod."

  /// The names in the order of the tensors.
  private(set) var names: [String]
  /// What stood before every name.
  private(set) var prefix = ""
  /// The tensor that counts the models of PyTorch's AveragedModel: it is no part of the model.
  private(set) var counter: Int?

  init(_ tensors: [TensorSpec]) {
    names = tensors.map(\.name.string)
    while true {
      let model = names.indices.filter { $0 != counter }
      if let wrapper = [Self.parallel, Self.compiled].first(where: { wrapper in
        !model.isEmpty && model.allSatisfy { Self.begins(names[$0], with: wrapper) }
      }) {
        for index in model { names[index] = Self.dropping(wrapper, from: names[index]) }
        prefix += wrapper
      } else if names.contains(where: { Self.containsCompiled($0) }) {
        // The attribute is that of torch.compile; models do not name their parts so.
        names = names.map { Self.withoutCompiled($0) }
      } else if counter == nil, let found = Self.averagedCounter(names, tensors) {
        counter = found
      } else {
        return
      }
    }
  }

  private static func averagedCounter(_ names: [String], _ tensors: [TensorSpec]) -> Int? {
    guard
      let found = names.indices.first(where: {
        !tensors[$0].dtype.isFloatingPoint && tensors[$0].dtype.isReal && tensors[$0].elementCount == 1
          && TensorName(names[$0]) == "n_averaged"
      }), names.count > 1,
      names.indices.allSatisfy({ $0 == found || begins(names[$0], with: parallel) })
    else { return nil }
    return found
  }

  private static func begins(_ name: String, with wrapper: String) -> Bool {
    name.utf8.count > wrapper.utf8.count && name.utf8.starts(with: wrapper.utf8)
  }

  private static func dropping(_ wrapper: String, from name: String) -> String {
    String(decoding: name.utf8.dropFirst(wrapper.utf8.count), as: UTF8.self)
  }

  private static func containsCompiled(_ name: String) -> Bool {
    // Hardly any name has the first letter at the beginning of a part, and splitting takes its time.
    mayContainCompiled(name)
      && name.split(separator: ".", omittingEmptySubsequences: false).dropLast().contains("_orig_mod")
  }

  private static func mayContainCompiled(_ name: String) -> Bool {
    guard name.utf8.count > compiled.utf8.count else { return false }
    var before = UInt8(ascii: ".")
    for letter in name.utf8 {
      if before == UInt8(ascii: "."), letter == UInt8(ascii: "_") { return true }
      before = letter
    }
    return false
  }

  private static func withoutCompiled(_ name: String) -> String {
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    return (parts.dropLast().filter { $0 != "_orig_mod" } + parts.suffix(1)).joined(separator: ".")
  }
}
