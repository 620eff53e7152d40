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

/// A checkpoint with other names for its tensors, some of which may be left out.
final class RenamedCheckpoint: CheckpointSource {
  let base: any CheckpointSource
  let tensors: [TensorSpec]
  let storage: CheckpointStorage
  let origin: CheckpointOrigin
  /// The place in `base` of every tensor.
  private let places: [Int]
  private let indices: [TensorName: Int]

  var label: String { base.label }
  var metadata: Metadata { base.metadata }

  /// - Parameters:
  ///   - base: The checkpoint.
  ///   - names: The new name of each of its tensors; nil leaves the tensor out.
  ///   - origin: Its origin, with names as in `base`.
  /// - Throws: `CheckpointError.nameCollision` when two tensors get the same name.
  init(
    _ base: any CheckpointSource, names: [TensorName?], origin: CheckpointOrigin
  ) throws(CheckpointError) {
    self.base = base
    var tensors: [TensorSpec] = []
    var places: [Int] = []
    var indices: [TensorName: Int] = [:]
    for (place, name) in names.enumerated() {
      guard let name else { continue }
      if let other = indices.updateValue(tensors.count, forKey: name) {
        throw .nameCollision(
          path: base.label, name, base.tensors[places[other]].name, base.tensors[place].name)
      }
      places.append(place)
      tensors.append(
        TensorSpec(name: name, dtype: base.tensors[place].dtype, shape: base.tensors[place].shape))
    }
    self.tensors = tensors
    self.places = places
    self.indices = indices
    storage = base.storage.selecting(places)
    var origin = origin
    // Names in the metadata are those without wrappers already.
    origin.tiedTensors = origin.tiedTensors.compactMap { group in
      let names = group.compactMap { name in
        base.index(of: name).map { names[$0] } ?? (indices[name] == nil ? nil : name)
      }
      return names.count > 1 ? names.sorted() : nil
    }
    self.origin = origin
  }

  func index(of name: TensorName) -> Int? { indices[name] }

  func reader(at index: Int) -> TensorReader { base.reader(at: places[index]) }

  /// The name in `base` of a tensor.
  func baseName(of name: TensorName) -> TensorName? { indices[name].map { base.tensors[places[$0]].name } }
}

extension CheckpointSource {
  /// The checkpoint without what wrappers put into names.
  ///
  /// - Parameter configuration: The `config.json` that belongs to it.
  /// - Throws: `CheckpointError.nameCollision` when two tensors have the same name without wrappers, and when the count of
  ///   averaged models cannot be read.
  func unwrapped(with configuration: ModelConfiguration? = nil) throws -> any CheckpointSource {
    let names = UnwrappedNames(tensors)
    guard names.hasChanges || configuration != nil else { return self }
    var origin = origin
    origin.configuration = configuration
    origin.model = configuration?.model ?? origin.model
    origin.wrapper = names.wrapper
    if let (index, kind) = names.counter, kind == .models {
      origin.averagedModelCount = max(1, try value(tensors[index].name).doubles()[0])
    }
    return try RenamedCheckpoint(self, names: names.names, origin: origin)
  }
}
