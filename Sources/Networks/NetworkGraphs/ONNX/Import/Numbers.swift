import Platform

/// A tensor known at import: the shape arithmetic of exporters and small constants.
struct Numbers: Equatable {
  enum Elements: Equatable {
    case ints([Int])
    case reals([Double])
  }

  var shape: [Int]
  var elements: Elements

  /// Largest size of folded constants: weights are standardized this way, too.
  static let largestCount = 1 << 24
  /// Most axes of a value: arithmetic on a shape takes as long as it has axes.
  static let mostAxes = 32

  init(ints: [Int], shape: [Int]? = nil) {
    elements = .ints(ints)
    self.shape = shape ?? [ints.count]
  }

  init(reals: [Double], shape: [Int]? = nil) {
    elements = .reals(reals)
    self.shape = shape ?? [reals.count]
  }

  var count: Int { shape.reduce(1, *) }

  var ints: [Int]? { if case .ints(let values) = elements { values } else { nil } }

  var reals: [Double] {
    switch elements {
    case .ints(let values): values.map(Double.init)
    case .reals(let values): values
    }
  }

  /// The single number, or the common value of all.
  var uniform: Double? {
    let values = reals
    guard let first = values.first, values.allSatisfy({ $0 == first }) else { return nil }
    return first
  }

  /// The tensor with every element clamped; integers stay integers where a bound is missing.
  func clamped(low: Double, high: Double) -> Numbers {
    var result = self
    switch elements {
    case .ints(let values):
      result.elements = .ints(values.map { Int(exactly: min(max(Double($0), low), high)) ?? $0 })
    case .reals(let values): result.elements = .reals(values.map { min(max($0, low), high) })
    }
    return result
  }

  /// The tensor with an axis that joins those of the parts; nil where their other axes differ or it becomes too large.
  static func joined(_ parts: [Numbers], axis: Int) -> Numbers? {
    guard var shape = parts.first?.shape, shape.indices.contains(axis),
      parts.allSatisfy({ part in
        part.shape.count == shape.count
          && shape.indices.allSatisfy { $0 == axis || part.shape[$0] == shape[$0] }
      }), let total = parts.map({ $0.shape[axis] }).checkedSum
    else { return nil }
    shape[axis] = total
    guard let count = checkedCount(shape), count <= largestCount else { return nil }
    let outer = shape[..<axis].reduce(1, *)
    func elements<T>(_ of: (Numbers) -> [T]) -> [T] {
      let lists = parts.map(of)
      var result: [T] = []
      for block in 0..<outer {
        for list in lists {
          let size = list.count / outer
          result += list[block * size..<(block + 1) * size]
        }
      }
      return result
    }
    if parts.allSatisfy({ $0.ints != nil }) {
      return Numbers(ints: elements { $0.ints ?? [] }, shape: shape)
    }
    return Numbers(reals: elements(\.reals), shape: shape)
  }

  /// The tensor reduced over some axes, which stay with extent one.
  func reduced(over axes: Set<Int>, _ reduction: ([Double]) -> Double) -> Numbers {
    let kept = shape.indices.filter { !axes.contains($0) }
    let sorted = transposed(kept + shape.indices.filter(axes.contains))
    let count = axes.reduce(1) { $0 * shape[$1] }
    let values = sorted.reals
    let target = shape.indices.map { axes.contains($0) ? 1 : shape[$0] }
    let rows = count > 0 ? values.count / count : 0
    return Numbers(
      reals: (0..<rows).map { reduction(Array(values[$0 * count..<($0 + 1) * count])) }, shape: target)
  }

  /// The softmax over an axis, or its logarithm.
  func softmax(axis: Int, isLogarithm: Bool) -> Numbers {
    let order = shape.indices.filter { $0 != axis } + [axis]
    let rows = transposed(order)
    var values = rows.reals
    for start in stride(from: 0, to: values.count, by: max(1, shape[axis])) {
      let row = start..<start + shape[axis]
      let largest = values[row].max() ?? 0
      let sum = values[row].reduce(0) { $0 + exp($1 - largest) }
      for place in row {
        values[place] -= largest
        values[place] = isLogarithm ? values[place] - log(sum) : exp(values[place]) / sum
      }
    }
    return Numbers(reals: values, shape: rows.shape)
      .transposed(shape.indices.map { axis in order.firstIndex(of: axis)! })
  }

  /// The elements at the given positions.
  func picking(_ positions: [Int], shape: [Int]) -> Numbers {
    var result = self
    result.shape = shape
    switch elements {
    case .ints(let values): result.elements = .ints(positions.map { values[$0] })
    case .reals(let values): result.elements = .reals(positions.map { values[$0] })
    }
    return result
  }

  /// The elements at `indices` of an axis.
  func picking(_ indices: [Int], axis: Int) -> Numbers {
    let inner = shape[(axis + 1)...].reduce(1, *)
    let outer = shape[..<axis].reduce(1, *)
    var target = shape
    target[axis] = indices.count
    let positions = (0..<outer).flatMap { block in
      indices.flatMap { index in (0..<inner).map { (block * shape[axis] + index) * inner + $0 } }
    }
    return picking(positions, shape: target)
  }

  /// The tensor with its axes in another order.
  func transposed(_ order: [Int]) -> Numbers {
    var strides = Array(repeating: 1, count: shape.count)
    for axis in shape.indices.dropLast().reversed() { strides[axis] = strides[axis + 1] * shape[axis + 1] }
    let target = order.map { shape[$0] }
    let positions = (0..<count).map { index in
      var (rest, position) = (index, 0)
      for axis in target.indices.reversed() {
        position += rest % target[axis] * strides[order[axis]]
        rest /= target[axis]
      }
      return position
    }
    return picking(positions, shape: target)
  }

  /// The tensor repeated along axes of extent one, as in ONNX and NumPy; nil where the shapes do not fit or
  /// it becomes too large.
  func broadcast(to target: [Int]) -> Numbers? {
    if target == shape { return self }
    guard target.count >= shape.count, let total = Self.checkedCount(target), total <= Self.largestCount
    else {
      return nil
    }
    let own = Array(repeating: 1, count: target.count - shape.count) + shape
    guard zip(own, target).allSatisfy({ $0 == $1 || $0 == 1 }) else { return nil }
    let positions = (0..<total).map { index in
      var (rest, position, stride) = (index, 0, 1)
      for axis in target.indices.reversed() {
        let coordinate = rest % target[axis]
        rest /= target[axis]
        if own[axis] != 1 { position += coordinate * stride }
        stride *= own[axis]
      }
      return position
    }
    return picking(positions, shape: target)
  }

  /// The common shape of two operands.
  static func broadcastShape(_ a: [Int], _ b: [Int]) -> [Int]? {
    let rank = max(a.count, b.count)
    let a = Array(repeating: 1, count: rank - a.count) + a
    let b = Array(repeating: 1, count: rank - b.count) + b
    guard zip(a, b).allSatisfy({ $0 == $1 || $0 == 1 || $1 == 1 }) else { return nil }
    return zip(a, b).map { $0 == 1 ? $1 : $0 }
  }

  /// The product of extents; nil if one is negative, if there are too many, or if the product of some of them overflows, even
  /// if another is 0.
  static func checkedCount(_ shape: [Int]) -> Int? {
    shape.count <= mostAxes && shape.allSatisfy { $0 >= 0 } ? shape.checkedProduct : nil
  }
}
