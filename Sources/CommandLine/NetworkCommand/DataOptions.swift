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

/// Which images of a data set are taken and how they are read, alike in all tools that look at images.
package struct DataOptions: ParsableArguments {
  @Option(name: .long, help: ArgumentHelp("Take only the first images of --data.", valueName: "n"))
  package var limit: Int?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Take a random sample of --data, every class with its share; after --limit.", valueName: "n"))
  package var sample: Int?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Leave out at most this many images that cannot be decoded, instead of stopping at the first.",
      valueName: "n"))
  package var skipBad = 0

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Number the class folders by this file, one name (such as a synset) per line from class 0 on.",
      valueName: "file"),
    completion: .file())
  package var classMap: String?

  @Flag(name: .long, help: "Turn images upright as their EXIF data say; training frameworks do not.")
  package var exif = false

  @Flag(
    name: .long,
    help: "Decode large JPEGs at reduced size where the resize allows: faster, with other pixels.")
  package var fastDecode = false

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Decoded images to keep where they are looked at more than once.", valueName: "size"))
  package var imageCache = ByteSize(bytes: 1 << 30)

  package init() {}

  package func validate() throws {
    for (name, value) in [("--limit", limit), ("--sample", sample)] {
      if let value, value < 1 { throw ValidationError("\(name) takes a number from 1, not \(value)") }
    }
    guard skipBad >= 0 else { throw ValidationError("--skip-bad takes a number from 0, not \(skipBad)") }
  }

  /// Which images of a data set a tool wants.
  package enum Part: Sendable {
    /// What `--limit` and `--sample` leave.
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
  package func open(
    _ argument: String, part: Part = .selected, seed: UInt64, views: [Preprocessing],
    isReadAgain: Bool = false
  ) throws -> any ImageDataset {
    guard !argument.isEmpty else { throw Failure(.usage, "a data set's name is empty") }
    var options = DatasetOptions()
    options.classMap = classMap
    options.decoding.appliesOrientation = exif
    if fastDecode { options.decoding.fastDecodeSide = views.map(\.resize).max() }
    if part == .selected {
      options.limit = limit
      options.sample = sample
      options.seed = seed
    }
    let dataset = try openDataset(argument, options: options)
    let isCached = (isReadAgain || skipBad > 0) && imageCache.bytes > 0
    return isCached ? dataset.cached(budget: imageCache.bytes) : dataset
  }

  /// Those of `indices` whose images can be decoded: all of them unless `--skip-bad` tolerates some that cannot.
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
      throw Failure(.badData, "\(last.error); --skip-bad tolerates \(skipBad) such images, this is one more")
    }
    guard bad.count < indices.count else {
      throw Failure(.badData, "\(last.error); none of the \(indices.count) images can be decoded")
    }
    progress.finish()
    for image in bad { console.detail("left out: \(image.error)") }
    console.warning(
      "\(dataset.name): \(bad.count) of \(indices.count) images left out as bad; the first: \(bad[0].error)")
    let places = Set(bad.map(\.place))
    return indices.indices.filter { !places.contains($0) }.map { indices[$0] }
  }

  /// `open`, and then only the images that can be decoded.
  package func openReadable(
    _ argument: String, part: Part = .selected, seed: UInt64, views: [Preprocessing],
    isReadAgain: Bool = false, pool: ThreadPool, console: Console
  ) throws -> any ImageDataset {
    let dataset = try open(argument, part: part, seed: seed, views: views, isReadAgain: isReadAgain)
    let good = try readable(Array(0..<dataset.count), of: dataset, pool: pool, console: console)
    return good.count == dataset.count ? dataset : dataset.subset(good)
  }

  /// What the images depend on beside the data set's name.
  package func history() -> [(String, JSON)] {
    var entries: [(String, JSON)] = []
    if let limit { entries.append(("limit", JSON(limit))) }
    if let sample { entries.append(("sample", JSON(sample))) }
    if skipBad > 0 { entries.append(("skip_bad", JSON(skipBad))) }
    if let classMap { entries.append(("class_map", .string(classMap))) }
    if exif { entries.append(("exif", .bool(true))) }
    if fastDecode { entries.append(("fast_decode", .bool(true))) }
    return entries
  }
}
