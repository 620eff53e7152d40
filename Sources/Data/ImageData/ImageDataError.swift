import Checkpoint
import Platform

/// Error of images or their data set; every case names the file.
public enum ImageDataError: ClassifiedError, Equatable, Sendable {
  /// A file or folder that is not there or may not be read.
  case unreadable(path: String, reason: String)
  /// Reading failed although the file could be opened.
  case readFailed(path: String, reason: String)
  /// The argument is no data set of a known kind.
  case unknownDataset(path: String, found: String)
  /// A data set file whose content is wrong.
  case badDataset(path: String, reason: String)
  /// A file of tensors that cannot be read.
  case badTensors(CheckpointError)
  /// A data set without a single image.
  case emptyDataset(path: String, found: String)
  /// Class folders without a single image.
  case emptyClasses(path: String, classes: [String])
  /// A symbolic link inside a data set that leads back to a folder around it.
  case linkLoop(path: String)
  /// A data set whose classes are not those of the classifier.
  ///
  /// `hidden` are the classes among them that are hidden folders, such as `.ipynb_checkpoints`.
  case classCountMismatch(
    path: String, found: Int, classifier: String, expected: Int, hidden: [String] = [])
  /// A class that is not among the names that number the classes, or that is there more than once.
  case unknownClass(path: String, className: String, owner: String, occurrences: Int, known: [String])
  /// An image without a label where one is needed, and where it would be.
  case unlabelled(item: String, expected: LabelSource)
  /// A setting that would change nothing for this data set, and why.
  case settingWithoutMeaning(path: String, DatasetSetting, reason: String)
  /// A label that the classifier does not have.
  case labelOutOfRange(item: String, label: Int, classifier: String, classCount: Int)
  /// An image that cannot be decoded.
  case badImage(item: String, reason: String)
  /// An image of another number of channels than the network takes.
  case channelMismatch(item: String, expected: Int, found: Int)
  /// An image of more pixels than `DecodingOptions.maximumPixelCount`.
  case imageTooLarge(item: String, width: Int, height: Int, limit: Int)
  /// A preprocessing entry of a checkpoint's metadata that cannot be used.
  case badPreprocessing(source: String, key: String, expected: String, found: String)
  /// Metadata of a checkpoint that lead to a length in pixels beyond what is used without being asked for.
  case largeRecordedSize(source: String, key: String, size: Int, limit: Int)

  /// The kind of this failure.
  public var kind: FailureKind {
    switch self {
    case .unreadable: .noInput
    case .readFailed: .io
    case .settingWithoutMeaning: .usage
    case .badTensors(let error):
      switch error.kind {
      case .noInput: .noInput
      case .io: .io
      default: .badData
      }
    default: .badData
    }
  }
}

extension ImageDataError: CustomStringConvertible {
  /// One line without the tool's name.
  public var description: String {
    switch self {
    case .unreadable(let path, let reason), .readFailed(let path, let reason):
      "\(escaped(path)): \(reason)"
    case .unknownDataset(let path, let found):
      "\(escaped(path)): expected a data set (image folder, tar, tsv, IDX, CIFAR, npy, npz, safetensors or PyTorch file), found \(found)"
    case .badDataset(let path, let reason):
      "\(escaped(path)): \(escaped(reason))"
    case .badTensors(let error): "\(error)"
    case .classCountMismatch(let path, let found, let classifier, let expected, let hidden):
      "\(escaped(path)): \(found) class\(found == 1 ? "" : "es"), but \(escaped(classifier)) has \(expected)"
        + (hidden.isEmpty ? "" : "; hidden folders with images count as classes: \(Self.list(hidden))")
    case .unknownClass(let path, let className, let owner, let occurrences, let known):
      occurrences == 0
        ? "\(escaped(path)): the class \"\(escaped(className))\" is none of those of \(escaped(owner)): \(Self.list(known))"
        : "\(escaped(path)): the class \"\(escaped(className))\" is \(occurrences) of those of \(escaped(owner))"
    case .unlabelled(let item, let expected):
      "\(escaped(item)): no label: expected \(escaped(expected.description))"
    case .settingWithoutMeaning(let path, let setting, let reason):
      switch setting {
      case .classMap: "\(escaped(path)): no classes to number by a file: \(reason)"
      case .classOrder: "\(escaped(path)): no class names to put in order: \(reason)"
      case .labelKey: "\(escaped(path)): no JSON labels: \(reason)"
      case .keepsDepth: "\(escaped(path)): no images of more than 8 bits: \(reason)"
      }
    case .labelOutOfRange(let item, let label, let classifier, let classCount):
      "\(escaped(item)): label \(label), but \(escaped(classifier)) has \(classCount) classes, numbered from 0"
    case .emptyDataset(let path, let found):
      "\(escaped(path)): no images in the data set (\(found))"
    case .emptyClasses(let path, let classes):
      "\(escaped(path)): no images in class folder\(classes.count == 1 ? "" : "s") \(Self.list(classes))"
    case .linkLoop(let path):
      "\(escaped(path)): the symbolic link leads back to a folder around it"
    case .badImage(let item, let reason):
      "\(escaped(item)): \(escaped(reason))"
    case .channelMismatch(let item, let expected, let found):
      "\(escaped(item)): expected \(expected) channel\(expected == 1 ? "" : "s"), found \(found)"
    case .imageTooLarge(let item, let width, let height, let limit):
      "\(escaped(item)): expected at most \(limit) pixels, found \(width) x \(height)"
    case .badPreprocessing(let source, let key, let expected, let found):
      "\(escaped(source)): metadata \"\(escaped(key))\": expected \(expected), found \"\(escaped(found))\""
    case .largeRecordedSize(let source, let key, let size, let limit):
      "\(escaped(source)): metadata \"\(escaped(key))\" would make images of \(size) pixels, which is used beyond \(limit) only on request"
    }
  }

  static func list(_ names: [String]) -> String {
    let shown = names.prefix(5).map { "\"\(escaped($0))\"" }.joined(separator: ", ")
    return names.count > 5 ? "\(shown) and \(names.count - 5) more" : shown
  }
}

/// `text` on one line: control characters are shown, not sent to the terminal.
func escaped(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\n": result += "\\n"
    case "\r": result += "\\r"
    case "\t": result += "\\t"
    default:
      if scalar.properties.generalCategory == .control || scalar.properties.generalCategory == .format {
        result += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
  }
  return result
}
