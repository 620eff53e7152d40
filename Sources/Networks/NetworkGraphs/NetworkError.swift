import Checkpoint
import Platform

/// Reasons that a network cannot be built or run.
public enum NetworkError: ClassifiedError, Sendable, Equatable {
  /// No family has these keys; `recognised` summarizes them. `known` is empty where there is no BatchNorm at
  /// all.
  case unknownArchitecture(label: String, recognised: String, known: [String])
  /// `architecture` names no known family.
  case unknownName(String, known: [String])
  /// The file names an architecture, in `source`, that none of the known families computes.
  case unknownRecordedName(label: String, name: String, source: String)
  /// The file records arguments, as `name=value`, that make its network another than the published one.
  case recordedArguments(label: String, name: String, source: String, arguments: [String])
  /// The checkpoint is not of the named architecture.
  case otherArchitecture(label: String, requested: String, found: String)
  /// Several families share these keys but compute differently.
  case ambiguous(label: String, candidates: [String])
  /// A transformer of unpublished size, whose tensors do not show the number of its heads.
  case unnamedTransformer(label: String, found: String)
  /// A block's branches are merged into the convolution `tensor`, and no family is known in that form.
  case mergedBranches(label: String, tensor: TensorName)
  /// A tensor of the architecture is not in the checkpoint.
  case missingTensor(label: String, tensor: TensorName, architecture: String?)
  /// A tensor has another shape than the network needs; nil extents are free.
  case wrongShape(label: String, tensor: TensorSpec, expected: [Int?])
  /// Tensors that the network would ignore, so that it must be another one; `names` are the first few of
  /// `count`.
  case leftoverTensors(label: String, architecture: String, names: [TensorName], count: Int)
  /// A weight is not of a real floating-point type.
  case notFloatingPoint(label: String, tensor: TensorSpec)
  /// The input of a forward pass is not `[n, h, w, channels]`.
  case wrongInput(expected: [Int?], found: [Int])
  /// A node requested by name is not in the network.
  case unknownNode(String, architecture: String)
  /// No tensor has a name with this prefix; `known` are the names of the blocks.
  case unknownBlock(String, architecture: String, known: [String])
  /// A network of fewer blocks than `count`; `known` are their names.
  case tooFewBlocks(count: Int, architecture: String, known: [String])
  /// A network without a BatchNorm, or without one from the tensor `from` on.
  case noBatchNorm(from: String?, architecture: String)
  /// A layer of an operation that has no gradient here.
  case notDifferentiable(layer: String, operation: String, architecture: String)
  /// A map became too small for a layer; `height` and `width` are the network's input size.
  case inputTooSmall(height: Int, width: Int, layer: String)
  /// The layers of an ONNX file depend on the input's size and are known only for multiples of `divisor`.
  case inputNotDivisible(height: Int, width: Int, divisor: Int)
  /// Images of this size take more memory than there is: bytes needed at least, and available.
  case exceedsMemory(height: Int, width: Int, images: Int, needed: Int, available: Int)
  /// The input does not divide into the network's patches of `patch` by `patch` pixels.
  case inputNotOfPatches(height: Int, width: Int, patch: Int)
  /// The network has weights for the tokens of inputs of `only` by `only` pixels alone.
  case inputOfOtherSize(height: Int, width: Int, only: Int)
  /// The attention of `layer` has biases for windows of `side` by `side` pixels, and networks for this input have others.
  case inputOfOtherWindows(height: Int, width: Int, layer: String, side: Int)
  /// An exported network is described for another size of its input.
  case inputOfOtherExport(height: Int, width: Int, onlyHeight: Int, onlyWidth: Int)
  /// This processor does not support bfloat16 products.
  case noBFloat16
  /// Activations that do not fit into memory cannot be written to disk either.
  case scratchFile(folder: String, reason: String)
  /// An activation is too large for a scratch file of half precision.
  case scratchOverflow

  /// Kind of failure, for exit statuses.
  public var kind: FailureKind {
    switch self {
    case .unknownName, .unknownNode, .unknownBlock, .tooFewBlocks, .noBatchNorm, .notDifferentiable,
      .inputTooSmall, .inputNotDivisible, .inputNotOfPatches, .inputOfOtherSize, .inputOfOtherWindows,
      .inputOfOtherExport, .noBFloat16:
      .usage
    case .scratchFile: .io
    default: .badData
    }
  }
}

extension NetworkError: CustomStringConvertible {
  /// One line without the tool's name; names in it are escaped.
  public var description: String {
    switch self {
    case .unknownArchitecture(let label, let recognised, let known):
      "\(escape(label)): unknown architecture: \(recognised)"
        + (known.isEmpty ? "" : "; the families known are \(known.joined(separator: ", "))")
    case .unknownName(let name, let known):
      "unknown architecture \"\(escape(name))\"; known are \(known.joined(separator: ", "))"
    case .unknownRecordedName(let label, let name, let source):
      "\(escape(label)): architecture \"\(escape(name))\" (\(source)) is not supported"
    case .recordedArguments(let label, let name, let source, let arguments):
      "\(escape(label)): architecture \"\(escape(name))\" (\(source)) with "
        + arguments.prefix(5).map { escape($0) }.joined(separator: ", ") + " is not supported"
    case .otherArchitecture(let label, let requested, let found):
      "\(escape(label)): expected the architecture \(escape(requested)), found \(found)"
    case .ambiguous(let label, let candidates):
      candidates.count == 1
        ? "\(escape(label)): the tensors do not prove the architecture \(candidates[0]), and fit no other"
        : "\(escape(label)): the tensors fit several architectures that compute differently: "
          + candidates.joined(separator: ", ")
    case .unnamedTransformer(let label, let found):
      "\(escape(label)): \(found) is not a published network, and its tensors determine neither the number of heads nor the activation"
    case .mergedBranches(let label, let tensor):
      "\(escape(label)): the branches of its blocks are merged for inference (\"\(tensor.escaped)\"); networks are known "
        + "with the branches of training alone, which averages and BatchNorm statistics need"
    case .missingTensor(let label, let tensor, let architecture):
      "\(escape(label)): tensor \"\(tensor.escaped)\" is missing"
        + (architecture.map { " (the other keys are those of \($0))" } ?? "")
    case .wrongShape(let label, let tensor, let expected):
      "\(escape(label)): tensor \"\(tensor.name.escaped)\": expected shape \(text(expected)), "
        + "found \(tensor.dtype.name) \(text(tensor.shape))"
    case .leftoverTensors(let label, let architecture, let names, let count):
      "\(escape(label)): not the \(architecture) that its other tensors suggest, which does not use "
        + names.map { "\"\($0.escaped)\"" }.joined(separator: ", ")
        + (count > names.count ? " and \(count - names.count) more" : "")
    case .notFloatingPoint(let label, let tensor):
      "\(escape(label)): tensor \"\(tensor.name.escaped)\": expected a floating-point type, "
        + "found \(tensor.dtype.name) \(text(tensor.shape))"
    case .unknownNode(let name, let architecture):
      "no layer \"\(escape(name))\" in \(architecture); layers have the names of their modules in the checkpoint"
    case .unknownBlock(let name, let architecture, let known):
      "no tensor \"\(escape(name))\" or below it in \(architecture); its blocks are "
        + known.map { escape($0) }.joined(separator: ", ")
    case .tooFewBlocks(let count, let architecture, let known):
      "\(architecture) has \(known.count) block\(known.count == 1 ? "" : "s"), not \(count): "
        + known.map { escape($0) }.joined(separator: ", ")
    case .noBatchNorm(let first, let architecture):
      "no BatchNorm in \(architecture)" + (first.map { " from \"\(escape($0))\" on" } ?? "")
    case .notDifferentiable(let layer, let operation, let architecture):
      "layer \"\(escape(layer))\" of \(architecture) cannot be trained: \(operation)"
    case .wrongInput(let expected, let found):
      "expected an input of shape \(text(expected)), found \(text(found))"
    case .inputNotOfPatches(let height, let width, let patch):
      "an input of \(height)x\(width) pixels does not divide into patches of \(patch) pixels; the nearest that does has "
        + "\(nearest(height, patch))x\(nearest(width, patch))"
    case .inputOfOtherSize(let height, let width, let only):
      "an input of \(height)x\(width) pixels: the network has weights for tokens of \(only)x\(only) pixels alone"
    case .inputOfOtherWindows(let height, let width, let layer, let side):
      "an input of \(height)x\(width) pixels: the position biases of \"\(escape(layer))\" are for windows of "
        + "\(side)x\(side) pixels, and the network for this size has other windows"
    case .inputOfOtherExport(let height, let width, let onlyHeight, let onlyWidth):
      "an input of \(height)x\(width) pixels: the ONNX file describes the network for \(onlyHeight)x\(onlyWidth) pixels "
        + "alone; export it for this size: x = torch.zeros(1, channels, \(height), \(width)) as the example"
    case .noBFloat16:
      "this processor does not support bfloat16 arithmetic (AMX or AVX-512 BF16)"
    case .scratchFile(let folder, let reason):
      "\(escape(folder)): scratch file of activations: \(reason)"
    case .scratchOverflow:
      "an activation is too large for a scratch file of f16 (65504 at most)"
    case .inputTooSmall(let height, let width, let layer):
      "an input of \(height)x\(width) pixels is too small: nothing is left of it at \"\(escape(layer))\""
    case .exceedsMemory(let height, let width, let images, let needed, let available):
      "a batch of \(images) images of \(height)x\(width) pixels takes at least \(amount(needed)) of memory, "
        + "of which there are \(amount(available))"
    case .inputNotDivisible(let height, let width, let divisor):
      "an input of \(height)x\(width) pixels: the ONNX file computes layers from the size, which is supported for "
        + "multiples of \(divisor); export it with a fixed size of the input"
    }
  }
}

private func escape(_ name: String) -> String { TensorName(name).escaped }

/// Bytes in the unit that suits their number.
private func amount(_ bytes: Int) -> String {
  bytes >= 10 << 30 ? "\(bytes >> 30) GiB" : "\(bytes >> 20) MiB"
}

/// The multiple of `step` above zero that is nearest to `size`.
private func nearest(_ size: Int, _ step: Int) -> Int { max(1, (size + step / 2) / step) * step }

private func text(_ shape: [Int?]) -> String {
  "[" + shape.map { $0.map(String.init) ?? "*" }.joined(separator: ", ") + "]"
}
