import Checkpoint
import Platform

/// Reasons that a series could not be averaged. No output is left when one of these is thrown.
public enum AveragingError: ClassifiedError, Sendable, Equatable {
  /// The series is empty.
  case emptySeries
  /// A parameter of a method is outside its range.
  case parameterOutOfRange(String, value: Double, range: String)
  /// The method needs training steps, and none were given.
  case stepsMissing(method: String)
  /// A list has the wrong length.
  case countMismatch(String, expected: Int, found: Int)
  /// The method needs more checkpoints.
  case tooFew(method: String, needed: Int, found: Int)
  /// The weights add up to zero, so that they cannot be normalized.
  case weightsCancel
  /// Every input has weight zero.
  case allWeightsZero
  /// A file name has no step number.
  case noStep(file: String)
  /// Steps do not increase along the series.
  case stepsNotIncreasing(file: String, step: Double, previous: Double)
  /// A power-function EMA begins at step 0, so that no checkpoint can have that step.
  case stepNotPositive(file: String, step: Double)
  /// The snapshots' profiles do not determine weights: two of them are equal.
  case snapshotsDependent
  /// A tensor of the first file is missing in this one.
  case missingTensor(file: String, TensorName, reference: String)
  /// This file has a tensor that the first one lacks.
  case extraTensor(file: String, TensorName, reference: String)
  /// A tensor's element type or shape differs from the first file's.
  case mismatch(file: String, TensorName, expected: String, found: String)
  /// An input contains NaN or infinity.
  case notFinite(file: String, TensorName, index: [Int], value: Double)
  /// A finite result is beyond the range of the output's element type.
  case overflow(TensorName, DType, index: [Int], value: Double)
  /// Negative weights made a running variance negative.
  case negativeVariance(TensorName, index: [Int], value: Double)
  /// One file's weights are an average that training kept, another's are not.
  case differentKeys(file: String, key: String, reference: String, String)
  /// Weights are quantized in a form that cannot be averaged.
  case unknownQuantization(file: String, TensorName, reason: String)
  /// A state of another computation.
  case stateMismatch(file: String, what: String, expected: String, found: String)
  /// A file that is not a state of an average.
  case notAState(file: String, reason: String)
  /// The method needs all checkpoints at once.
  case notContinuable(method: String)
  /// A checkpoint is already part of a state, but others precede it.
  case alreadyCounted(file: String, state: String)
  /// A checkpoint that occurs twice.
  case duplicate(file: String, of: String)
  /// Not all checkpoints have this tensor, and the method needs all of them.
  case unionNeedsWeights(TensorName)
  /// A file without the variances needed for sampling models.
  case notAGaussian(file: String, reason: String)
  /// No tensor is left after selection.
  case noTensors
}

extension AveragingError {
  /// Usage where the request is at fault instead of the files.
  public var kind: FailureKind {
    switch self {
    case .emptySeries, .parameterOutOfRange, .stepsMissing, .countMismatch, .weightsCancel, .allWeightsZero,
      .snapshotsDependent, .tooFew, .notContinuable, .stateMismatch:
      .usage
    default: .badData
    }
  }
}

extension AveragingError: CustomStringConvertible {
  /// One line without the tool's name.
  public var description: String {
    switch self {
    case .emptySeries: "no checkpoints to average"
    case .parameterOutOfRange(let parameter, let value, let range):
      "\(parameter): expected \(range), found \(plain(value))"
    case .stepsMissing(let method): "method \(method) works on training steps, and there are none"
    case .countMismatch(let list, let expected, let found):
      "\(list): \(found) value\(found == 1 ? "" : "s") for \(expected) checkpoint\(expected == 1 ? "" : "s")"
    case .tooFew(let method, let needed, let found):
      "method \(method) needs at least \(needed) checkpoints, not \(found)"
    case .weightsCancel: "the weights add up to zero and cannot be normalized"
    case .allWeightsZero: "every weight is zero"
    case .noStep(let file): "\(text(file)): no step number in the name"
    case .stepsNotIncreasing(let file, let step, let previous):
      "\(text(file)): step \(plain(step)) does not come after \(plain(previous))"
    case .stepNotPositive(let file, let step):
      "\(text(file)): step \(plain(step)), but a power-function EMA begins at step 0"
    case .snapshotsDependent:
      "the snapshots do not determine the weights: two have the same step and width, or none is early enough"
    case .missingTensor(let file, let name, let reference):
      "\(text(file)): tensor \"\(name)\": missing, but \(text(reference)) has it"
    case .extraTensor(let file, let name, let reference):
      "\(text(file)): tensor \"\(name)\": not in \(text(reference))"
    case .mismatch(let file, let name, let expected, let found):
      "\(text(file)): tensor \"\(name)\": expected \(expected), found \(found)"
    case .notFinite(let file, let name, let index, let value):
      "\(text(file)): tensor \"\(name)\": element \(index) is \(value)"
    case .overflow(let name, let dtype, let index, let value):
      "tensor \"\(name)\": element \(index) of the average is \(value), beyond the range of \(dtype)"
    case .negativeVariance(let name, let index, let value):
      "tensor \"\(name)\": element \(index) of the average is \(value), but a variance cannot be negative"
    case .differentKeys(let file, let key, let reference, let other):
      "\(text(file)): weights from \(level(key)), but those of \(text(reference)) from \(level(other))"
    case .unknownQuantization(let file, let name, let reason):
      "\(text(file)): tensor \"\(name)\": \(reason); convert to floating point before averaging"
    case .stateMismatch(let file, let what, let expected, let found):
      "\(text(file)): the state was made with \(what) \(expected), not \(found)"
    case .notAState(let file, let reason): "\(text(file)): is not a ckpt-average state: \(reason)"
    case .notContinuable(let method):
      "method \(method) needs all checkpoints at once, and its sums cannot be continued"
    case .alreadyCounted(let file, let state):
      "\(text(file)): is part of \(text(state)) already, but comes after new checkpoints"
    case .duplicate(let file, let other):
      "\(text(file)): the same checkpoint as \(text(other))"
    case .unionNeedsWeights(let name):
      "tensor \"\(name)\": not in every checkpoint, which this method needs"
    case .notAGaussian(let file, let reason):
      "\(text(file)): does not contain a Gaussian over weights: \(reason)"
    case .noTensors: "no tensor is selected"
    }
  }

  private func text(_ path: String) -> String { TensorName(path).escaped }

  private func level(_ key: String) -> String { key.isEmpty ? "the top level" : "\"\(text(key))\"" }
}

/// A number without a trailing `.0`.
func plain(_ value: Double) -> String {
  Int(exactly: value).map(String.init) ?? "\(value)"
}
