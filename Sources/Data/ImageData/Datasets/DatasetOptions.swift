/// How images of a data set are decoded.
public struct DecodingOptions: Sendable, Equatable {
  /// Whether the orientation that a camera recorded in the file is applied; torchvision does not.
  public var appliesOrientation = false
  /// Lets large JPEGs be reduced by 2, 4 or 8 while they are decoded, as far as the shorter side keeps this length;
  /// nil for full size. Faster, but the pixels are not those of a network's training.
  public var fastDecodeSide: Int?

  /// Decoding as torchvision does it.
  public init() {}
}

/// Which images of a data set are taken, and how they are read.
public struct DatasetOptions: Sendable, Equatable {
  /// How images are decoded.
  public var decoding = DecodingOptions()
  /// Path of a file that numbers the class folders, nil for the order of their names.
  ///
  /// Each line is the name of one class folder, with anything after a space or tab ignored (as in
  /// `n01440764 tench`); the first line is class 0. Classes without a folder have no images.
  public var classMap: String?
  /// At most this many images, from the first on; nil for all.
  public var limit: Int?
  /// A random sample of this many images in which every class has its share; nil for all.
  public var sample: Int?
  /// Seed of the sample.
  public var seed: UInt64 = 0

  /// All images, as torchvision reads them.
  public init() {}
}

/// Labels from here on are taken for errors of the data set.
let maximumClassCount = 1 << 20
