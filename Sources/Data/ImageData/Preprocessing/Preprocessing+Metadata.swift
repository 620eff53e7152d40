import Checkpoint

extension Preprocessing {
  /// The preprocessing that a checkpoint's metadata records, or nil if it records none.
  ///
  /// Settings that are not recorded are taken from `imageNet`; a missing resize keeps its ratio to the crop,
  /// truncated.
  /// - Parameters:
  ///   - metadata: The value of a metadata key, nil if absent.
  ///   - source: Name of the checkpoint in errors.
  /// - Throws: `badPreprocessing`.
  public init?(metadata: @escaping (_ key: String) -> String?, source: String) throws(ImageDataError) {
    let reader = MetadataReader(metadata: metadata, source: source)
    let resize = try reader.size(MetadataKey.resize)
    let crop = try reader.size(MetadataKey.crop)
    let interpolation = try reader.interpolation(MetadataKey.interpolation)
    let mean = try reader.triple(MetadataKey.mean, expected: "three numbers separated by commas") { _ in true
    }
    let std = try reader.triple(MetadataKey.std, expected: "three numbers above zero separated by commas") {
      $0 > 0
    }
    let mode = try reader.mode(MetadataKey.resizeMode)
    if resize == nil, crop == nil, interpolation == nil, mean == nil, std == nil, mode == nil { return nil }
    let known = Preprocessing.imageNet
    self.init(
      resize: resize ?? crop.map { min(max($0 * known.resize / known.crop, 1), Self.sizes.upperBound) }
        ?? known.resize,
      crop: crop ?? known.crop, interpolation: interpolation ?? known.interpolation,
      mean: mean ?? known.mean, std: std ?? known.std)
    self.mode = mode ?? known.mode
  }

  /// The entries that record this preprocessing in a checkpoint, as decimal strings.
  ///
  /// A mode is recorded only if it is not the usual one; placement and mirroring belong to one evaluation and
  /// are not.
  public var metadataEntries: [String: String] {
    var entries = [
      MetadataKey.resize: "\(resize)",
      MetadataKey.crop: "\(crop)",
      MetadataKey.interpolation: interpolation.rawValue,
      MetadataKey.mean: decimals(mean),
      MetadataKey.std: decimals(std),
    ]
    if mode != .shorterSide { entries[MetadataKey.resizeMode] = mode.rawValue }
    return entries
  }
}

private struct MetadataReader {
  let metadata: (String) -> String?
  let source: String

  func size(_ key: String) throws(ImageDataError) -> Int? {
    try read(key, expected: "a whole number of pixels from 1 to \(Preprocessing.sizes.upperBound)") { text in
      guard let value = Int(text), Preprocessing.sizes.contains(value), "\(value)" == text else { return nil }
      return value
    }
  }

  func interpolation(_ key: String) throws(ImageDataError) -> Interpolation? { try oneOf(key) }

  func mode(_ key: String) throws(ImageDataError) -> ResizeMode? { try oneOf(key) }

  private func oneOf<Choice>(_ key: String) throws(ImageDataError) -> Choice?
  where Choice: RawRepresentable<String> & CaseIterable {
    let names = Choice.allCases.map(\.rawValue).joined(separator: ", ")
    return try read(key, expected: "one of \(names)") { Choice(rawValue: $0) }
  }

  func triple(
    _ key: String, expected: String, _ isValid: (Float) -> Bool
  ) throws(ImageDataError) -> [Float]? {
    try read(key, expected: expected) { text in
      let values = text.split(separator: ",", omittingEmptySubsequences: false).compactMap { Float($0) }
      let isTriple = values.count == 3 && text.count(where: { $0 == "," }) == 2
      return isTriple && values.allSatisfy { $0.isFinite && isValid($0) } ? values : nil
    }
  }

  private func read<Value>(
    _ key: String, expected: String, _ parse: (String) -> Value?
  ) throws(ImageDataError) -> Value? {
    guard let text = metadata(key) else { return nil }
    guard let value = parse(text) else {
      throw .badPreprocessing(source: source, key: key, expected: expected, found: text)
    }
    return value
  }
}
