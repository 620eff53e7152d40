import Checkpoint

/// The tensors of a checkpoint that share their data: a partition of their names.
struct TiedTensors {
  /// Disjoint groups of two or more names, sorted.
  let groups: [[TensorName]]

  /// - Parameter groups: Names that are tied to each other; groups with a common name are merged.
  init(_ groups: [[TensorName]]) {
    var parents: [TensorName: TensorName] = [:]
    func root(of name: TensorName) -> TensorName {
      var top = name
      while let next = parents[top], next != top { top = next }
      // Path compression: later searches along the same path are short.
      var position = name
      while let next = parents[position], next != top {
        parents[position] = top
        position = next
      }
      return top
    }
    for group in groups {
      guard let first = group.first else { continue }
      for name in group {
        if parents[name] == nil { parents[name] = name }
        let (a, b) = (root(of: first), root(of: name))
        if a != b { parents[b] = a }
      }
    }
    self.init(classes: parents.keys.map { ($0, root(of: $0)) })
  }

  /// Ties the names of equal classes.
  private init<Class: Hashable>(classes: [(name: TensorName, class: Class)]) {
    groups = Dictionary(grouping: classes, by: \.class).values.filter { $0.count > 1 }
      .map { $0.map(\.name).sorted() }.sorted { $0[0] < $1[0] }
  }

  /// The tensors that are tied in both.
  func intersection(_ other: Self) -> Self {
    var places: [TensorName: Int] = [:]
    for (place, group) in other.groups.enumerated() { for name in group { places[name] = place } }
    return Self(
      classes: groups.enumerated().flatMap { place, group in
        group.compactMap { name in places[name].map { (name, [place, $0]) } }
      })
  }
}
