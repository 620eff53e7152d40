import Platform

/// Options of decoding the images of a data set.
public struct DecodingOptions: Sendable, Equatable {
  /// True if the orientation that a camera recorded in the file is applied; torchvision does not.
  public var appliesOrientation = false
  /// Lets large JPEGs be reduced by 2, 4 or 8 while they are decoded, as far as the shorter side keeps this length;
  /// nil for full size. Faster, but the pixels are not those of a network's training.
  public var fastDecodeSide: Int?

  /// True if PNG files of 16 bits keep them, where torchvision's reader reduces them to 8. Networks of other channels
  /// than three are always given all bits.
  public var keepsDepth = false

  /// Pixels above which an image is refused, 1 or more.
  public var maximumPixelCount = RGBImage.maximumPixelCount

  /// Decoding as torchvision does it.
  public init() {}
}

/// Selection of the images of a data set, and how they are read.
public struct DatasetOptions: Sendable, Equatable {
  /// Options of decoding.
  public var decoding = DecodingOptions()
  /// Path of a file that numbers the classes by name, nil for the order of their names.
  ///
  /// Text with one name per line from class 0 on, `0 name` or `name description`; or JSON of indices and names. Classes
  /// that it alone names have no images.
  public var classMap: String?
  /// Order in which class names are numbered; nil for that of their bytes, also where there are no names.
  public var classOrder: ClassOrder?
  /// Member of the `.json` files of WebDataset shards that holds the label, a whole number or a name; levels are
  /// separated by dots. Nil takes the labels from `.cls` files.
  public var labelKey: String?
  /// At most this many images, from the first on; nil for all.
  public var limit: Int?
  /// A random sample of this many images in which every class has its share; nil for all.
  public var sample: Int?
  /// Seed of the sample.
  public var seed: UInt64 = 0

  /// All images, as torchvision reads them.
  public init() {}
}

/// A setting that has no meaning for some data sets.
public enum DatasetSetting: Sendable, Equatable {
  /// `DatasetOptions.classMap`.
  case classMap
  /// `DatasetOptions.classOrder`.
  case classOrder
  /// `DatasetOptions.labelKey`.
  case labelKey
  /// `DecodingOptions.keepsDepth`.
  case keepsDepth
}

/// A fact about a data set that its user may want to know although nothing is wrong.
public enum DatasetRemark: Sendable, Equatable, CustomStringConvertible {
  /// Hidden folders without an image were not taken for classes.
  case hiddenFoldersSkipped(path: String, folders: [String])

  /// One line.
  public var description: String {
    switch self {
    case .hiddenFoldersSkipped(let path, let folders):
      "\(escaped(path)): no class, being hidden and without images: \(ImageDataError.list(folders))"
    }
  }
}

/// Labels from here on are taken for errors of the data set.
let maximumClassCount = 1 << 20

/// Opens the data set that a command-line argument names.
///
/// - A folder is an image folder: `root/class/…/*.jpg`, or images alone, which are then unlabeled; or one of CIFAR's
///   batches; or NumPy arrays `.npy`, one for each image.
/// - A tar archive is a WebDataset shard; `-` is one that comes from standard input.
/// - `.tsv` is a list of `path<TAB>label`.
/// - IDX files (also gzipped), CIFAR's binary and pickled files, `.npy` arrays, `.npz` archives of them (`name.npz:part`)
///   and tensors of safetensors and PyTorch files hold pixels.
///
/// Braces name several files, which are taken one after the other: `train-{000..146}.tar`.
/// - Parameters:
///   - argument: A path, or `-` for a tar archive on standard input.
///   - options: Labels, limits and decoding.
///   - onRemark: Called with facts that are no errors.
/// - Throws: `ImageDataError`.
public func openDataset(
  _ argument: String, options: DatasetOptions = DatasetOptions(),
  onRemark: (DatasetRemark) -> Void = { _ in }
) throws(ImageDataError) -> any ImageDataset {
  var dataset = try openWhole(argument, options: options, onRemark: onRemark)
  if options.decoding.keepsDepth && !dataset.hasBands {
    throw .settingWithoutMeaning(path: argument, .keepsDepth, reason: "they are stored as bytes")
  }
  if let order = options.classOrder { dataset = try order.applied(to: dataset) }
  if let map = options.classMap { dataset = try ClassMap(path: map).applied(to: dataset) }
  if let limit = options.limit { dataset = SubsetDataset(dataset, first: limit) }
  guard let sample = options.sample else { return dataset }
  return SubsetDataset(dataset, sample: sample, seed: options.seed)
}

private func openWhole(
  _ argument: String, options: DatasetOptions, onRemark: (DatasetRemark) -> Void
) throws(ImageDataError) -> any ImageDataset {
  if argument == "-" {
    let archive = try RandomAccessBytes(spooling: 0, path: "<stdin>")
    return try TarDataset(archive, decoding: options.decoding, labelKey: options.labelKey)
  }
  // A file of that very name comes before what the braces mean.
  if argument.utf8.contains(UInt8(ascii: "{")), (try? FileKind(path: argument)) == nil {
    guard let paths = expandBraces(argument) else {
      throw .badDataset(path: argument, reason: "the braces name too many files")
    }
    if paths.count > 1 || paths[0] != argument {
      return try openAll(paths, name: argument, options: options, onRemark: onRemark)
    }
  }
  return try openOne(argument, options: options, onRemark: onRemark)
}

private func openAll(
  _ paths: [String], name: String, options: DatasetOptions, onRemark: (DatasetRemark) -> Void
) throws(ImageDataError) -> any ImageDataset {
  var shards: [any ImageDataset] = []
  for path in paths { shards.append(try openOne(path, options: options, onRemark: onRemark)) }
  return try ShardedDataset(shards, name: name)
}

private func openOne(
  _ path: String, options: DatasetOptions, onRemark: (DatasetRemark) -> Void
) throws(ImageDataError) -> any ImageDataset {
  let dataset = try openUnbounded(path, options: options, onRemark: onRemark)
  guard var pixels = dataset as? PixelArrayDataset else { return dataset }
  pixels.maximumPixelCount = options.decoding.maximumPixelCount
  return pixels
}

private func openUnbounded(
  _ path: String, options: DatasetOptions, onRemark: (DatasetRemark) -> Void
) throws(ImageDataError) -> any ImageDataset {
  if (try? FileKind(path: path)) == nil, let (archive, part) = NumPyArchive.part(in: path) {
    return try NumPyArchive.open(archive, part: part)
  }
  switch try FileKind(path: path) {
  case .folder:
    try refuseLabelKey(path, options)
    if let files = try PickledCIFAR.files(inFolder: path) {
      return try openAll(files, name: path, options: options, onRemark: onRemark)
    }
    if let arrays = try NumPyFolder(path, decoding: options.decoding) { return arrays }
    return try ImageFolder(path, decoding: options.decoding, onRemark: onRemark)
  case .other: throw .unknownDataset(path: path, found: "neither a file nor a folder")
  case .file: break
  }
  let file = try RandomAccessBytes(path: path)
  let start = try file.read(at: 0, count: min(512, file.count))
  if !path.ends(in: ".tsv"), path.ends(in: ".tar") || isTar(start) {
    return try TarDataset(file, decoding: options.decoding, labelKey: options.labelKey)
  }
  try refuseLabelKey(path, options)
  // By content where the format has a mark, by name where it has none.
  if start.starts(with: [0x93] + Array("NUMPY".utf8)) { return try NumPy.open(path) }
  if start.starts(with: [0, 0, 8])
    || start.starts(with: [0x1f, 0x8b]) && path.utf8.firstRange(of: ".tar".utf8) == nil
      && !path.ends(in: ".tgz")
  {
    return try IDX.open(path)
  }
  if path.ends(in: ".tsv") { return try ListDataset(path, decoding: options.decoding) }
  if path.ends(in: ".bin") { return try CIFAR.open(file) }
  if path.ends(in: ".npz") || NumPyArchive.isArchive(start) { return try NumPyArchive.open(path, part: nil) }
  if isTensorFile(start, path: path) { return try TensorFile.open(path) }
  if PickledCIFAR.isPickle(start) { return try PickledCIFAR.open(path) }
  throw .unknownDataset(
    path: path, found: start.starts(with: [0x1f, 0x8b]) ? "a compressed tar archive" : "another file")
}

private func isTar(_ start: [UInt8]) -> Bool {
  start.count == 512 && start[257..<262].elementsEqual("ustar".utf8)
}

private func refuseLabelKey(_ path: String, _ options: DatasetOptions) throws(ImageDataError) {
  guard options.labelKey != nil else { return }
  throw .settingWithoutMeaning(path: path, .labelKey, reason: "only tar archives have them")
}

/// A safetensors file has no mark, but a header that is a JSON object after eight bytes; PyTorch's are zip archives.
private func isTensorFile(_ start: [UInt8], path: String) -> Bool {
  if [".safetensors", ".pt", ".pth"].contains(where: path.ends(in:)) { return true }
  return start.count > 8 && start[8] == UInt8(ascii: "{") || start.starts(with: Array("PK\u{3}\u{4}".utf8))
}

/// Expands the shell's braces: `{000..146}` counts, keeping leading zeros, and `{a,b}` lists.
///
/// Braces that are neither stay as they are.
/// - Returns: At most `limit` names, or nil if there would be more.
func expandBraces(_ pattern: String, limit: Int = 1_000_000) -> [String]? {
  guard let match = pattern.firstMatch(of: /\{(?:([0-9]{1,9})\.\.([0-9]{1,9})|([^{}]*,[^{}]*))\}/) else {
    return [pattern]
  }
  var choices: [String] = []
  if let low = match.1.flatMap({ Int($0) }), let high = match.2.flatMap({ Int($0) }) {
    guard abs(high - low) < limit else { return nil }
    let width = match.1!.first == "0" || match.2!.first == "0" ? max(match.1!.count, match.2!.count) : 0
    choices = stride(from: low, through: high, by: low <= high ? 1 : -1).map { number in
      let digits = "\(number)"
      return String(repeating: "0", count: max(width - digits.count, 0)) + digits
    }
  } else if let list = match.3 {
    choices = list.split(separator: ",", omittingEmptySubsequences: false).map(String.init)
  }
  guard let tails = expandBraces(String(pattern[match.range.upperBound...]), limit: limit),
    tails.count <= limit / choices.count
  else { return nil }
  let head = pattern[..<match.range.lowerBound]
  return choices.flatMap { choice in tails.map { head + choice + $0 } }
}
