/// Names of tensors without what wrappers put into them.
///
/// `module.` of DataParallel and of averaged models comes off where every name begins with it, `_orig_mod.` of compiled
/// models and parts of models wherever it stands, in any nesting; the counter of an averaged model is no part of the model.
/// Time is linear in the length of the names.
struct UnwrappedNames {
  /// A tensor that counts the updates of an average.
  enum Counter {
    /// `n_averaged` of PyTorch's AveragedModel.
    case models
    /// `steps` of MMEngine's averaged models.
    case steps
  }

  private static let parallel = Array("module.".utf8)

  /// The name of every tensor, in their order; nil for the counter.
  private(set) var names: [TensorName?]
  /// Prefix that every name had.
  private(set) var wrapper = ""
  private(set) var counter: (index: Int, kind: Counter)?
  /// True if any name has changed.
  private(set) var hasChanges = false

  init(_ tensors: [TensorSpec]) {
    let bare = tensors.map { Self.withoutCompiled($0.name.string) }
    hasChanges = bare.contains { $0 != nil }
    let texts = zip(bare, tensors).map { $0 ?? $1.name.string }
    // Only counted here and cut at the end: a name may be nothing but a hundred thousand wrappers.
    var counter: (index: Int, kind: Counter)?
    var start = 0
    while !texts.isEmpty {
      let wrapped = texts.indices.filter { $0 != counter?.index }
      if !wrapped.isEmpty, wrapped.allSatisfy({ Self.begins(texts[$0], from: start) }) {
        start += Self.parallel.count
      } else if counter == nil, let found = Self.counter(texts, tensors, from: start) {
        counter = found
      } else {
        break
      }
    }
    self.counter = counter
    hasChanges = hasChanges || start > 0
    names = hasChanges ? [] : tensors.map(\.name)
    guard hasChanges else { return }
    names = texts.indices.map { index in
      index == counter?.index
        ? nil : TensorName(String(decoding: texts[index].utf8.dropFirst(start), as: UTF8.self))
    }
    wrapper = Self.commonWrapper(
      tensors.indices.lazy.filter { $0 != counter?.index }.map { tensors[$0].name.string.utf8 },
      parallelCount: start / Self.parallel.count)
  }

  /// The wrappers at the beginning of every name, in their order.
  private static func commonWrapper(
    _ names: some Sequence<String.UTF8View>, parallelCount: Int
  ) -> String {
    var common: Substring.UTF8View?
    for name in names {
      if let known = common {
        let length = zip(known, name).prefix { $0 == $1 }.count
        common = known.prefix(length)
      } else {
        common = name[...]
      }
    }
    var wrapper = ""
    var rest = parallelCount
    for part in (common ?? ""[...].utf8).split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
      .dropLast()
    {
      if part.elementsEqual("_orig_mod".utf8) {
        wrapper += "_orig_mod."
      } else if rest > 0, part.elementsEqual("module".utf8) {
        rest -= 1
        wrapper += "module."
      } else {
        break
      }
    }
    return wrapper
  }

  /// An integer of one element among names that all begin with `module.`.
  private static func counter(
    _ names: [String], _ tensors: [TensorSpec], from start: Int
  ) -> (index: Int, kind: Counter)? {
    var found: (index: Int, kind: Counter)?
    for (index, name) in names.enumerated() where !begins(name, from: start) {
      let rest = name.utf8.dropFirst(start)
      let kind: Counter? =
        rest.elementsEqual("n_averaged".utf8)
        ? .models : rest.elementsEqual("steps".utf8) ? .steps : nil
      guard let kind, found == nil, tensors[index].dtype.isReal, !tensors[index].dtype.isFloatingPoint,
        tensors[index].elementCount == 1
      else { return nil }
      found = (index, kind)
    }
    return names.count > 1 ? found : nil
  }

  private static func begins(_ name: String, from start: Int) -> Bool {
    name.utf8.count > start + parallel.count && name.utf8.dropFirst(start).starts(with: parallel)
  }

  /// The name without the parts `_orig_mod`, the last one aside; nil where there are none.
  ///
  /// The attribute is that of `torch.compile`; models do not name their parts so.
  private static func withoutCompiled(_ name: String) -> String? {
    // Hardly any name has an underscore at the beginning of a part, and splitting takes its time.
    var before = UInt8(ascii: ".")
    let mayContain = name.utf8.contains { letter in
      defer { before = letter }
      return before == UInt8(ascii: ".") && letter == UInt8(ascii: "_")
    }
    guard mayContain, name.utf8.count > 10 else { return nil }
    let parts = name.utf8.split(separator: UInt8(ascii: "."), omittingEmptySubsequences: false)
    let kept = parts.dropLast().filter { !$0.elementsEqual("_orig_mod".utf8) } + parts.suffix(1)
    guard kept.count < parts.count else { return nil }
    return String(decoding: Array(kept.joined(separator: [UInt8(ascii: ".")])), as: UTF8.self)
  }
}
