import ArgumentParser
import Checkpoint
import Command
import ImageData
import Platform

/// Refuses a command line that takes more than one thing from standard input.
///
/// - Parameter arguments: checkpoints and data sets as given.
package func requireOneStandardInput(_ arguments: [String?]) throws {
  if arguments.count(where: { $0 == "-" }) > 1 {
    throw ValidationError("standard input can be read once only")
  }
}

/// Selection and reading of the images of a data set, alike in all tools that look at images.
package struct DataOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp("Maximum number of images to take from the beginning of --data.", valueName: "n"))
  package var limit: Int?

  @Option(
    help: ArgumentHelp(
      "Size of a random sample of --data, stratified by class; applied after --limit.", valueName: "n"))
  package var sample: Int?

  @Option(
    help: ArgumentHelp(
      "Maximum number of undecodable images to skip, instead of stopping at the first.",
      valueName: "n"))
  package var skipBad = 0

  @Option(
    help: ArgumentHelp(
      "Numbering of the classes: one name (such as a synset) per line from class 0 on, or JSON.",
      valueName: "file"),
    completion: .file())
  package var classMap: String?

  @Option(
    help: ArgumentHelp(
      "Order of the class names: by bytes as in torchvision (default), or natural as in timm.",
      valueName: "order"))
  package var classOrder: ClassOrder?

  @Option(
    help: ArgumentHelp(
      "Member of the .json files in tar archives that holds the label, instead of .cls files.",
      valueName: "key"))
  package var labelKey: String?

  @Flag(help: "Turn images upright according to EXIF or XMP data; training frameworks do not.")
  package var exif = false

  @Flag(
    help: "Decode large JPEGs at reduced size if the resize allows: faster, with slightly different pixels.")
  package var fastDecode = false

  @Flag(
    help: "Keep the 16 bits of PNG files that have them, as networks of other than three channels always do.")
  package var fullDepth = false

  @Option(
    help: ArgumentHelp("Maximum number of pixels per image; the default is Pillow's.", valueName: "n"))
  package var maxPixels = RGBImage.maximumPixelCount

  @Option(
    help: ArgumentHelp(
      "Memory for decoded images that are used more than once.", valueName: "size"))
  package var imageCache = ByteSize(bytes: 1 << 30)

  package init() {}

  package func validate() throws {
    try OptionBounds.check(["--limit": limit, "--sample": sample])
    try OptionBounds.check(["--skip-bad": skipBad], OptionBounds.countsFromZero)
    if fullDepth && exif {
      throw ValidationError("--full-depth and --exif exclude each other: images of 16 bits are not turned")
    }
    if classMap != nil && classOrder != nil {
      throw ValidationError("--class-map and --class-order both number the classes: give one")
    }
    guard (1...1 << 40).contains(maxPixels) else {
      throw ValidationError("--max-pixels takes a number from 1, not \(maxPixels)")
    }
  }

  /// True if options say how classes are numbered, which is of no use where no label is looked at.
  package var numbersClasses: Bool { classMap != nil || classOrder != nil }

  /// The part of a data set that a tool wants.
  package enum Part: Sendable {
    /// The images that `--limit` and `--sample` leave.
    case selected
    /// All: a data set that scores a result is not that which they are about.
    case all
  }

  /// Opens the data set that `argument` names.
  ///
  /// - Parameters:
  ///   - part: whether `--limit` and `--sample` are about this data set.
  ///   - seed: seed of the sample.
  ///   - views: how the images will be preprocessed, which bounds what `--fast-decode` may leave out.
  ///   - isReadAgain: whether the tool goes through the images more than once, so that it pays to keep them.
  ///   - isLabeled: whether the tool looks at the labels.
  package func open(
    _ argument: String, part: Part = .selected, seed: UInt64, views: [Preprocessing],
    isReadAgain: Bool = false, isLabelled: Bool = true, console: Console
  ) throws -> any ImageDataset {
    guard !argument.isEmpty else { throw Failure(.usage, "a data set's name is empty") }
    if argument == "-" && isatty(STDIN_FILENO) == 1 {
      throw Failure(.usage, "standard input is a terminal; give a data set as a file or through a pipe")
    }
    var options = DatasetOptions()
    if isLabelled {
      options.classMap = classMap
      options.classOrder = classOrder
    }
    options.labelKey = labelKey
    options.decoding.appliesOrientation = exif
    options.decoding.maximumPixelCount = maxPixels
    options.decoding.keepsDepth = fullDepth
    if fastDecode { options.decoding.fastDecodeSide = views.map(\.resize).max() }
    if part == .selected {
      options.limit = limit
      options.sample = sample
      options.seed = seed
    }
    let dataset = try openDataset(argument, options: options) { console.notice("\($0)") }
    let isCached = (isReadAgain || skipBad > 0) && imageCache.bytes > 0
    return isCached ? dataset.cached(budget: imageCache.bytes) : dataset
  }

  /// The places in `indices` whose images can be decoded: all of them unless `--skip-bad` tolerates some that
  /// cannot.
  ///
  /// Without that option nothing is read; a bad image is then an error when its turn comes.
  ///
  /// - Throws: `Failure` when more images are bad than tolerated, or all are; reading errors.
  package func readable(
    _ indices: [Int], of dataset: any ImageDataset, pool: ThreadPool, console: Console
  ) throws -> [Int] {
    guard skipBad > 0 else { return indices }
    let progress = console.progress("checking \(dataset.name)", total: indices.count, unit: "images")
    defer { progress.finish() }
    let bad = try dataset.badImages(among: indices, limit: skipBad + 1, pool: pool) {
      progress.advance(by: $0)
    }
    guard let last = bad.last else { return indices }
    guard bad.count <= skipBad else {
      throw Failure(.badData, "\(last.error); --skip-bad allows \(skipBad), this is one more")
    }
    guard bad.count < indices.count else {
      throw Failure(.badData, "\(last.error); none of the \(indices.count) images can be decoded")
    }
    progress.finish()
    for image in bad { console.detail("left out: \(image.error)") }
    console.warning(
      "\(dataset.name): \(bad.count) of \(indices.count) images skipped because they cannot be decoded; the first: \(bad[0].error)"
    )
    let places = Set(bad.map(\.place))
    return indices.indices.filter { !places.contains($0) }.map { indices[$0] }
  }

  /// `open`, and then only the images that can be decoded.
  package func openReadable(
    _ argument: String, part: Part = .selected, seed: UInt64, views: [Preprocessing],
    isReadAgain: Bool = false, isLabelled: Bool = true, pool: ThreadPool, console: Console
  ) throws -> any ImageDataset {
    let dataset = try open(
      argument, part: part, seed: seed, views: views, isReadAgain: isReadAgain, isLabelled: isLabelled,
      console: console)
    let good = try readable(Array(0..<dataset.count), of: dataset, pool: pool, console: console)
    return good.count == dataset.count ? dataset : dataset.subset(good)
  }

  /// Settings that the images depend on besides the data set's name.
  package func history() -> [(String, JSON)] {
    var entries: [(String, JSON)] = []
    if let limit { entries.append(("limit", JSON(limit))) }
    if let sample { entries.append(("sample", JSON(sample))) }
    if skipBad > 0 { entries.append(("skip_bad", JSON(skipBad))) }
    if let classMap { entries.append(("class_map", .string(classMap))) }
    if let classOrder { entries.append(("class_order", .string(classOrder.rawValue))) }
    if let labelKey { entries.append(("label_key", .string(labelKey))) }
    if exif { entries.append(("exif", .bool(true))) }
    if fastDecode { entries.append(("fast_decode", .bool(true))) }
    if fullDepth { entries.append(("full_depth", .bool(true))) }
    return entries
  }
}

extension ClassOrder: ExpressibleByArgument {}

/// Names of classes in the order of their numbers, as a checkpoint or a data set has them.
package struct ClassNames: Sendable {
  package let names: [String]
  /// The owner of these names, for diagnostics.
  package let owner: String

  package init(_ names: [String], owner: String) {
    self.names = names
    self.owner = owner
  }

  /// The names that a checkpoint records for its classifier's outputs; nil if it records none that can be used.
  package init?(of source: any CheckpointSource, classCount: Int, console: Console) {
    var place = MetadataKey.classes
    var names: [String]
    if let text = source.metadata[MetadataKey.classes] {
      let items = (try? JSON.parse(Array(text.utf8)))?.arrayValue
      names = items?.compactMap(\.stringValue) ?? []
      if names.count != items?.count { names = [] }
    } else if let recorded = source.origin.model, let own = recorded.classNames {
      (names, place) = (own, recorded.source.rawValue)
    } else {
      return nil
    }
    guard names.count == classCount else {
      console.warning(
        "\(source.label): \(place) holds \(names.count) names for \(classCount) classes, so they are not compared"
      )
      return nil
    }
    self.init(names, owner: source.label)
  }

  /// Refuses `other` if it has names of these under other numbers.
  package func check(_ other: ClassNames, console: Console) throws {
    let places = Dictionary(names.enumerated().map { (TensorName($1), $0) }) { first, _ in first }
    guard other.names.contains(where: { places[TensorName($0)] != nil }) else {
      console.warning(
        "\(other.owner): no class name matches those of \(owner) (\(sample) there, \(other.sample) here): assuming the same classes in the same order"
      )
      return
    }
    for (number, (name, otherName)) in zip(names, other.names).enumerated()
    where TensorName(name) != TensorName(otherName) {
      throw Failure(
        .badData,
        "\(other.owner): class \(number) is \"\(TensorName(otherName).escaped)\", expected \"\(TensorName(name).escaped)\" as in \(owner)"
      )
    }
  }

  fileprivate var sample: String {
    names.prefix(2).map { "\"\(TensorName($0).escaped)\"" }.joined(separator: ", ")
      + (names.count > 2 ? ", …" : "")
  }
}

extension DataOptions {
  /// `dataset` with its classes numbered as in `reference`, wherever both name their classes, and its labels checked.
  ///
  /// Options that number the classes are final: what they say is compared and never changed. Without a
  /// reference, one line says where torchvision's order, which is taken, and timm's differ.
  ///
  /// - Parameters:
  ///   - reference: names of the classes that the labels are to be numbers of.
  ///   - model: has the classifier.
  ///   - classes: number of the classes of something else that takes the place of the model's classifier.
  ///   - owner: what that is.
  /// - Throws: `Failure` or `ImageDataError` when a class is not among those of the reference, or when the labels are
  ///   not those of the classifier.
  package func labelled(
    _ dataset: any ImageDataset, by reference: ClassNames?, for model: LoadedModel, classes: Int? = nil,
    of owner: String = "the new classifier", console: Console
  ) throws -> any ImageDataset {
    let matched = try matched(dataset, to: reference, console: console)
    try model.check(matched, classes: classes, of: owner)
    let isNamed = reference.map { matched.sharesClassName(with: $0.names) } ?? false
    if !numbersClasses, !isNamed, let pair = matched.orderInDoubt {
      console.notice(
        "\(dataset.name): class \"\(TensorName(pair.first).escaped)\" comes before \"\(TensorName(pair.second).escaped)\" as in torchvision; for a timm network, which uses natural order, give --class-order natural"
      )
    }
    return matched
  }

  private func matched(
    _ dataset: any ImageDataset, to reference: ClassNames?, console: Console
  ) throws -> any ImageDataset {
    guard let names = dataset.classNames, let reference else { return dataset }
    let own = ClassNames(names, owner: dataset.name)
    // Any other count is refused by the number of classes.
    let isWhole = names.count == reference.names.count
    if numbersClasses || !dataset.sharesClassName(with: reference.names) {
      // Other names for all classes are no contradiction to numbers that the user gave.
      let isComparable = !numbersClasses || dataset.sharesClassName(with: reference.names)
      if isWhole && isComparable { try reference.check(own, console: console) }
      return dataset
    }
    let matched = try dataset.numbered(by: reference.names, of: reference.owner)
    if !dataset.hasClassNames(reference.names) {
      console.notice("\(dataset.name): classes numbered by their names in \(reference.owner)")
    }
    return matched
  }
}
