import NetworkExecution
import NetworkGraphs
import Platform
import TensorMath

private let pool = ThreadPool(threads: 1)
private let largestSide = 32

/// Entry point of libFuzzer: parses a model, builds its network, as a classifier and up to the last BatchNorm, and runs it on
/// a small image where that is quickly done.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzz(_ start: UnsafePointer<UInt8>, _ count: Int) -> CInt {
  let bytes = Array(UnsafeBufferPointer(start: start, count: count))
  guard let model = try? ONNXModel(bytes, label: "fuzz.onnx", folder: "/proc/self/fd/none") else { return 0 }
  for part in [ImportedPart.classifier, .batchNorms] {
    if let network = try? Network(ONNXCheckpoint(model), onnx: model, part: part, pool: pool) {
      run(network, model)
    }
  }
  return 0
}

private func run(_ network: Network, _ model: ONNXModel) {
  // Networks of tokens take images of the exported size alone.
  let extents = model.inputs.first?.shape?.suffix(2).map { $0 ?? 20 } ?? [20, 20]
  guard extents.count == 2, extents.allSatisfy({ $0 <= largestSide }),
    case let (height, width) = (extents[0], extents[1]),
    let work = try? network.multiplyAdds(height: height, width: width), work < 1 << 22,
    let largest = try? network.largestMap(height: height, width: width), largest < 1 << 18,
    network.inputChannels <= 64
  else { return }
  let shape = [1, height, width, network.inputChannels]
  let input = Tensor(shape: shape, values: Array(repeating: 0.5, count: shape.reduce(1, *)))
  _ = try? network.measureBatchStatistics(input) { _, _ in }
  if network.description.isPartial { return }
  if let logits = try? network.logits(input) { precondition(logits.count == network.classCount) }
  _ = try? network.forwardWithBatchStatistics(input) { _, _ in }
}
