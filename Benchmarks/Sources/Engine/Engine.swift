import Checkpoint
import Foundation
import NetworkExecution
import NetworkGraphs
import Platform
import Statistics
import TensorMath

/// Runs the convolution engine on given inputs, for comparison with other runtimes.
///
///     engine logits MODEL INPUTS OUT [--arch NAME|FILE.onnx] [--threads N]   OUT gets "logits", "batch_logits" and every
///                                                                  BatchNorm's batch mean and biased variance
///     engine time MODEL [--arch NAME|FILE.onnx] [--threads N] [--batch N] [--size S] [--mode inference|batch] [--seconds T]
///
/// `--sums direct|small|large` says how 3x3 convolutions are summed, `--compute f32|bf16` what convolutions multiply.
@main
enum Engine {
  struct Failure: Error, CustomStringConvertible { let description: String }

  static func main() {
    do {
      var arguments = Array(CommandLine.arguments.dropFirst())
      let options = try Options(&arguments)
      switch arguments.first {
      case "logits" where arguments.count == 4: try logits(arguments, options)
      case "time" where arguments.count == 2: try time(arguments, options)
      default: throw Failure(description: "usage: engine logits MODEL INPUTS OUT | engine time MODEL")
      }
    } catch {
      let message = "engine: \(error)\n"
      _ = message.withCString { write(2, $0, strlen($0)) }
      exit(65)
    }
  }

  struct Options {
    var architecture: String?
    var threads = 2
    var batch = 32
    var size = 224
    var mode = "inference"
    var sums = ConvolutionSums.largeTiles
    var precision = ComputePrecision.float32
    var seconds = 3.0

    init(_ arguments: inout [String]) throws {
      var rest: [String] = []
      var index = 0
      while index < arguments.count {
        let name = arguments[index]
        guard name.hasPrefix("--") else {
          rest.append(name)
          index += 1
          continue
        }
        guard index + 1 < arguments.count else { throw Failure(description: "\(name) needs a value") }
        let value = arguments[index + 1]
        switch name {
        case "--arch": architecture = value
        case "--threads": threads = Int(value) ?? threads
        case "--batch": batch = Int(value) ?? batch
        case "--size": size = Int(value) ?? size
        case "--mode": mode = value
        case "--sums":
          guard
            let found = ["direct": ConvolutionSums.direct, "small": .smallTiles, "large": .largeTiles][value]
          else { throw Failure(description: "unknown sums \(value)") }
          sums = found
        case "--compute":
          guard let found = ComputePrecision(rawValue: value) else {
            throw Failure(description: "unknown type \(value)")
          }
          precision = found
        case "--seconds": seconds = Double(value) ?? seconds
        default: throw Failure(description: "unknown option \(name)")
        }
        index += 2
      }
      arguments = rest
    }

    func network(_ path: String) throws -> Network {
      let pool = ThreadPool(threads: threads)
      let compute = ComputeOptions(sums: sums, precision: precision)
      let checkpoint = try openCheckpoint(.path(path))
      if let file = architecture, file.hasSuffix(".onnx") {
        return try Network(checkpoint, onnx: ONNXModel(path: file), pool: pool, options: compute)
      }
      return try Network(checkpoint, architecture: architecture, pool: pool, options: compute)
    }
  }

  static func logits(_ arguments: [String], _ options: Options) throws {
    let network = try options.network(arguments[1])
    let inputs = try openCheckpoint(.path(arguments[2])).value("input")
    let input = Tensor(shape: inputs.shape, values: try inputs.floats())
    var results: [TensorName: TensorValue] = [:]
    func add(_ name: String, _ tensor: Tensor) {
      results[TensorName(name)] = TensorValue(f32: tensor.values, shape: tensor.shape)
    }
    add("logits", try network.logits(input))
    add(
      "batch_logits",
      try network.forwardWithBatchStatistics(input) { layer, moments in
        add(layer.name + ".mean", Tensor(shape: [layer.channels], values: moments.mean.map { Float($0) }))
        add(
          layer.name + ".variance",
          Tensor(shape: [layer.channels], values: moments.biasedVariance.map { Float($0) }))
      })
    let specs = results.map { TensorSpec(name: $0.key, dtype: $0.value.dtype, shape: $0.value.shape) }
    let writer = try CheckpointWriter(to: .path(arguments[3]), tensors: specs, metadata: Metadata())
    for spec in writer.order { try writer.write(results[spec.name]!) }
    try writer.finish()
    print(
      "\(network.architectureName)\t\(try network.multiplyAdds(height: input.shape[1], width: input.shape[2]))"
    )
  }

  /// A figure of this process in MB, for example `VmHWM`, the most memory it ever held.
  private static func memory(_ field: String) -> Double {
    let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
    let line = status.split(separator: "\n").first { $0.hasPrefix(field + ":") }
    return line.flatMap { Double($0.split(separator: " ")[1]) }.map { $0 / 1024 } ?? 0
  }

  static func time(_ arguments: [String], _ options: Options) throws {
    let atStart = memory("VmRSS")
    let network = try options.network(arguments[1])
    var generator = SeededGenerator(seed: 0)
    let shape = [options.batch, options.size, options.size, network.inputChannels]
    let input = Tensor(uninitialized: shape)
    input.withMutableBuffer { for index in $0.indices { $0[index] = Float(generator.normal()) } }
    let inputMegabytes = Double(input.count * 4) / 1_048_576
    let clock = ContinuousClock()
    let begin = clock.now
    var best = Double.infinity
    var bestProcessor = Double.infinity
    var total = 0.0
    var totalProcessor = 0.0
    var rounds = 0
    while clock.now - begin < .seconds(options.seconds) || rounds < 3 {
      let processor = Foundation.clock()
      let elapsed = try clock.measure {
        if options.mode == "batch" {
          _ = try network.forwardWithBatchStatistics(input) { _, _ in }
        } else {
          _ = try network.logits(input)
        }
      }
      let (wall, used) = (
        elapsed / .seconds(1), Double(Foundation.clock() - processor) / Double(CLOCKS_PER_SEC)
      )
      (best, bestProcessor) = (min(best, wall), min(bestProcessor, used))
      (total, totalProcessor) = (total + wall, totalProcessor + used)
      rounds += 1
    }
    let batch = Double(options.batch)
    let peak = memory("VmHWM")
    print(
      "\(network.architectureName)\t\(batch / best) images/s\t\(batch / bestProcessor) images/s of processor time"
        + "\t\(peak) MB at most\t\(peak - atStart - inputMegabytes) MB of it the network's"
        + "\t\(batch * Double(rounds) / total) images/s and \(batch * Double(rounds) / totalProcessor) of processor time in the mean"
    )
  }
}
