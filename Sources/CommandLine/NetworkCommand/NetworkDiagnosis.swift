import Checkpoint
import Command
import FoundationEssentials
import ImageData
import NetworkExecution
import NetworkGraphs
import Platform
import TensorMath

extension ImageDataError: AdvisedError {
  package var advice: String? {
    switch self {
    case .largeRecordedSize(_, let key, let size, _):
      "pass --\(key == MetadataKey.crop ? "crop" : "resize") \(size) to use it, or a smaller size"
    case .channelMismatch: "the network's input decides the number of channels"
    case .badImage: "--skip-bad N leaves out up to N such images"
    case .unlabelled(_, .classFiles(hasJSON: true)): "--label-key KEY takes labels from those"
    case .classCountMismatch(_, let found, _, let expected, let hidden)
    where hidden.isEmpty && found < expected:
      "--class-map FILE numbers classes of which some have no images"
    case .settingWithoutMeaning(_, let setting, _):
      switch setting {
      case .classMap: "leave out --class-map"
      case .classOrder: "leave out --class-order"
      case .labelKey: "leave out --label-key"
      case .keepsDepth: "leave out --full-depth"
      }
    default: nil
    }
  }
}

extension NetworkError: AdvisedError {
  package var advice: String? {
    switch self {
    case .unknownArchitecture, .leftoverTensors, .unknownRecordedName, .recordedArguments,
      .unnamedTransformer, .mergedBranches:
      "pass --arch with an ONNX file of the network"
    case .ambiguous(_, let candidates) where candidates.count == 1:
      "pass --arch \(candidates[0]) if it is that"
    case .ambiguous(_, let candidates): "pass --arch with one of \(candidates.joined(separator: ", "))"
    case .exceedsMemory: "a smaller --crop takes less"
    case .noBFloat16: "leave out --compute bf16"
    case .unknownBlock: "a prefix ends where a name does or at a dot"
    case .notDifferentiable: "train fewer layers"
    case .scratchFile: "give more --memory, or another folder in TMPDIR"
    case .scratchOverflow: "use --scratch-dtype f32 or give more --memory"
    default: nil
    }
  }
}

extension Network {
  /// Refuses a batch of images that cannot be in the memory that this process may use.
  ///
  /// - Parameter batches: Batches of inputs in memory at a time: one that is computed, and those made ahead of it.
  /// - Parameter normalizesByBatch: true if every BatchNorm takes its statistics from the batch.
  /// - Throws: `NetworkError.exceedsMemory`.
  package func checkMemory(
    _ preprocessing: Preprocessing, images: Int, batches: Int, normalizesByBatch: Bool = false
  ) throws {
    try checkMemory(
      height: preprocessing.cropSize.height, width: preprocessing.cropSize.width, images: images,
      batches: batches,
      normalizesByBatch: normalizesByBatch, available: memoryLimit)
  }
}

/// A tool that runs networks, whose bytes depend on the kernel types in use.
package protocol NetworkTool: CheckpointTool {}

extension NetworkTool {
  package static var kernels: String? { kernelDescription }
}

/// The kernel types in use, such as `avx512, amx-bf16, OpenBLAS 0.3.21 SkylakeX`.
package var kernelDescription: String {
  [Network.instructionSet, Network.bfloat16InstructionSet, blasDescription].compactMap(\.self)
    .joined(separator: ", ")
}
