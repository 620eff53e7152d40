import CNetworkKernels
import Checkpoint
import Platform
import Statistics
import TensorMath
import Testing

@testable import NetworkExecution
@testable import NetworkGraphs

/// A layer with its definition in float64, for comparison of gradients with differences of that definition.
struct LayerCase: Sendable, CustomTestStringConvertible {
  typealias Definition = @Sendable (_ x: [ReferenceMap], _ tensors: [[Double]]) -> ReferenceMap

  let testDescription: String
  let inputs: [MapSize]
  let output: MapSize
  /// Shapes of the layer's tensors.
  var shapes: [[Int]] = []
  var usesBatch = false
  let make: @Sendable ([TrainableTensor]) -> any LayerGradient
  let definition: Definition

  private static let images = 3
  private static let step = 1e-4

  private func pass(_ threads: Int) -> TuningPass {
    TuningPass(
      pool: ThreadPool(threads: threads), buffers: BufferPool(slack: 0),
      kernels: ck_layer_kernels_best().pointee,
      normalization: usesBatch ? .batch(movesRunning: false) : .running, dropPath: nil)
  }

  /// Results of both passes.
  private struct Outcome: Equatable {
    var y: [Float]
    var byInputs: [[Float]]
    var byTensors: [[Float]]
  }

  private func run(_ x: [[Float]], _ tensors: [[Float]], _ slope: [Float], threads: Int) -> Outcome {
    let pass = pass(threads)
    func map(_ size: MapSize, _ values: [Float]) -> FeatureMap {
      let map = FeatureMap(pass.buffers, images: Self.images, size: size)
      for (index, value) in values.enumerated() { map.pointer[index] = value }
      return map
    }
    func floats(_ map: FeatureMap) -> [Float] { (0..<map.images * map.size.count).map { map.pointer[$0] } }
    let trained = zip(shapes, tensors).enumerated().map { index, tensor in
      TrainableTensor(
        TensorName("t\(index)"), Tensor(shape: tensor.0, values: tensor.1), isTrained: true, isMatrix: false)
    }
    for tensor in trained { tensor.clearGradient() }
    let layer = make(trained)
    let maps = zip(inputs, x).map(map)
    let y = FeatureMap(pass.buffers, images: Self.images, size: output)
    layer.forward(maps, into: y, pass)
    let result = floats(y)
    // Gradients are added to what is there.
    let byInputs = inputs.map { map($0, Array(repeating: 1, count: Self.images * $0.count)) }
    layer.backward(maps, y, by: map(output, slope), into: byInputs, pass)
    return Outcome(
      y: result, byInputs: byInputs.map { floats($0).map { $0 - 1 } },
      byTensors: trained.map { $0.gradient!.values })
  }

  /// Compares result and gradients of all inputs and tensors.
  func check() {
    var generator = SeededGenerator(seed: 12)
    func normals(_ count: Int) -> [Float] { (0..<count).map { _ in Float(generator.normal()) } }
    let x = inputs.map { normals(Self.images * $0.count) }
    let tensors = shapes.map { normals($0.reduce(1, *)) }
    let slope = normals(Self.images * output.count)
    let found = run(x, tensors, slope, threads: 1)
    #expect(run(x, tensors, slope, threads: 3) == found, "the number of threads changes bits")

    func evaluate(_ x: [[Double]], _ tensors: [[Double]]) -> [Double] {
      definition(zip(inputs, x).map { ReferenceMap(Self.images, $0, $1) }, tensors).values
    }
    var (x64, tensors64) = (x.map { $0.map(Double.init) }, tensors.map { $0.map(Double.init) })
    expectEqual(found.y, evaluate(x64, tensors64), "result")
    func loss() -> Double { zip(evaluate(x64, tensors64), slope).reduce(0) { $0 + $1.0 * Double($1.1) } }
    func differences(_ path: WritableKeyPath<Storage, [[Double]]>, _ index: Int) -> [Double] {
      var storage = Storage(x: x64, tensors: tensors64)
      return storage[keyPath: path][index].indices.map { place in
        let value = storage[keyPath: path][index][place]
        func moved(_ distance: Double) -> Double {
          storage[keyPath: path][index][place] = value + distance
          (x64, tensors64) = (storage.x, storage.tensors)
          return loss()
        }
        let difference = (moved(Self.step) - moved(-Self.step)) / (2 * Self.step)
        _ = moved(0)
        return difference
      }
    }
    for index in inputs.indices {
      expectEqual(found.byInputs[index], differences(\.x, index), "input \(index)")
    }
    for index in shapes.indices {
      expectEqual(found.byTensors[index], differences(\.tensors, index), "tensor \(index)")
    }
  }

  private struct Storage {
    var x: [[Double]]
    var tensors: [[Double]]
  }

  private func expectEqual(_ found: [Float], _ expected: [Double], _ what: String) {
    let scale = max(expected.map(abs).max() ?? 0, 1)
    let worst = zip(found, expected).map { abs(Double($0) - $1) }.max() ?? 0
    #expect(found.count == expected.count && worst < 2e-5 * scale, "\(what): off by \(worst) of \(scale)")
  }
}
