/// Options of decoding the images of a data set.
public struct DecodingOptions: Sendable, Equatable {
  /// True if the orientation that a camera recorded in the file is applied; torchvision does not.
  public var appliesOrientation = false
  /// Lets large JPEGs be reduced by 2, 4 or 8 while they are decoded, as far as the shorter side keeps this length;
  /// nil for full size. Faster, but the pixels are not those of a network's training.
  public var fastDecodeSide: Int?

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
