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
