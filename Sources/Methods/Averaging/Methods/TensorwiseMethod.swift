import Checkpoint
import Platform

/// A method that reads the values of each tensor to decide how to combine them.
public protocol TensorwiseMethod: AveragingMethod {
  /// The combination of each of some tensors.
  ///
  /// - Parameters:
  ///   - tensors: Tensors of real numbers that all checkpoints have.
  ///   - series: The checkpoints to read.
  ///   - pool: Runs the arithmetic.
  ///   - progress: Called with the number of bytes just read, by one thread at a time.
  func combinations(
    of tensors: [TensorSpec], in series: Series, pool: ThreadPool, progress: @escaping (Int) -> Void
  ) throws -> [Combination]
}

extension TensorwiseMethod {
  /// False: all values are needed at once.
  public func isContinuable(over timeline: Timeline) -> Bool { false }
}

extension AveragingPlan {
  /// This plan with the method's own combinations for parameters, which are read for it.
  ///
  /// - Parameters:
  ///   - method: Method that decides the combinations.
  ///   - pool: Runs the arithmetic.
  ///   - progress: Called with the number of bytes just read, by one thread at a time.
  /// - Throws: `AveragingError.unknownQuantization` for weights with scales, errors of reading.
  public func refined(
    by method: any TensorwiseMethod, pool: ThreadPool, progress: @escaping (Int) -> Void = { _ in }
  ) throws -> AveragingPlan {
    if let quantized = entries.first(where: { $0.quantization != nil }) {
      throw AveragingError.unknownQuantization(
        file: series.members[0].label, quantized.input.name,
        reason: "quantised, which \(type(of: method).name) cannot weigh")
    }
    let places = entries.indices.filter {
      if case .combine = entries[$0].operation { TensorRole(entries[$0].output) == .parameter } else { false }
    }
    let combinations = try method.combinations(
      of: places.map { entries[$0].input }, in: series, pool: pool, progress: progress)
    var refined = entries
    for (place, combination) in zip(places, combinations) {
      refined[place] = Entry(
        output: entries[place].output, input: entries[place].input, operation: .combine(combination))
    }
    return with(entries: refined)
  }
}

/// A method with weights for each tensor that follow from the angles between the tensor's values, taken as
/// vectors.
public protocol AngularMethod: TensorwiseMethod {
  /// The weights of all checkpoints for one tensor.
  ///
  /// - Parameter products: Products of the tensor's values; with a pretrained model, of the differences from
  ///   it.
  func weights(_ products: InnerProducts) -> [Double]
}

extension AngularMethod {
  /// The weighted sums; reads the tensors once.
  ///
  /// Products are summed in a fixed order, so that weights are equal for any number of threads.
  public func combinations(
    of tensors: [TensorSpec], in series: Series, pool: ThreadPool, progress: @escaping (Int) -> Void
  ) throws -> [Combination] {
    let inputs = series.members.count
    let count = inputs - (beginsWithPretrained ? 1 : 0)
    var products = tensors.map { _ in InnerProducts(count: count) }
    let tasks = TaskList(
      elementCounts: tensors.map(\.elementCount), elementBytes: tensors.map { _ in 1 },
      bytes: max(64, min(1 << 14, (1 << 18) / inputs)))
    let sequencer = Sequencer(limit: 4 * pool.threadCount)
    let differs = beginsWithPretrained
    try pool.forEach(tasks.count) { (task, _) throws in
      do {
        let parts = try tasks[task].map { segment in
          let rows = try series.values(of: tensors[segment.entry], segment.elements, asDifferences: differs)
          return (segment.entry, InnerProducts(rows))
        }
        let bytes = tasks[task].reduce(0) {
          $0 + $1.elements.count * tensors[$1.entry].dtype.bitWidth / 8 * inputs
        }
        func add() {
          for (tensor, part) in parts { products[tensor].add(part) }
          progress(bytes)
        }
        try sequencer.pass(task, now: add, later: { add })
      } catch {
        sequencer.fail(task)
        throw error
      }
    }
    return products.map { .linear(LinearCombination(weights: weights($0))) }
  }
}

/// The inner products of one tensor's values in some checkpoints, taken as vectors.
public struct InnerProducts: Sendable, Equatable {
  /// Number of vectors.
  public let count: Int
  private var products: [Double]

  init(count: Int) {
    self.count = count
    products = Array(repeating: 0, count: count * count)
  }

  init(_ rows: [[Double]]) {
    self.init(count: rows.count)
    for first in 0..<count {
      for second in first..<count {
        var sum = 0.0
        for element in rows[first].indices { sum += rows[first][element] * rows[second][element] }
        products[first * count + second] = sum
        products[second * count + first] = sum
      }
    }
  }

  /// The inner product of two of the vectors.
  public subscript(first: Int, second: Int) -> Double { products[first * count + second] }

  /// The cosine of the angle between two of the vectors; nil when one of them is zero.
  public func cosine(_ first: Int, _ second: Int) -> Double? {
    let norms = self[first, first].squareRoot() * self[second, second].squareRoot()
    guard norms > 0 else { return nil }
    return min(1, max(-1, self[first, second] / norms))
  }

  mutating func add(_ other: Self) {
    for index in products.indices { products[index] += other.products[index] }
  }
}

extension Series {
  /// Some elements of a tensor of real numbers in every checkpoint, or their differences from those in the
  /// first.
  ///
  /// Values that are not finite count as zero: masks of -∞ have no direction, and the pass that follows
  /// either copies them or names the value.
  func values(
    of tensor: TensorSpec, _ elements: Range<Int>, asDifferences: Bool, in inputs: Range<Int>? = nil
  ) throws -> [[Double]] {
    let width = tensor.dtype.bitWidth / 8
    let bytes = UnsafeMutableRawBufferPointer.allocate(byteCount: elements.count * width, alignment: 64)
    defer { bytes.deallocate() }
    func row(_ input: Int) throws -> [Double] {
      try members[input].read(tensor.name, at: elements.lowerBound * width, into: bytes)
      return [Double](unsafeUninitializedCapacity: elements.count) { buffer, count in
        count = elements.count
        ElementConversion.widen(
          UnsafeRawBufferPointer(bytes), tensor.dtype,
          into: UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
      }
    }
    let origin = asDifferences ? try row(0) : []
    return try (inputs ?? (asDifferences ? 1 : 0)..<members.count).map { input in
      var values = try row(input)
      if asDifferences { for element in values.indices { values[element] -= origin[element] } }
      for element in values.indices where !values[element].isFinite { values[element] = 0 }
      return values
    }
  }
}
