import ImageData

/// Several views of every image of a data set: view v of image i is item i·views + v.
///
/// The contents of a view depend on the seed and its index alone, so that views can be cached and read in any
/// order.
struct AugmentedDataset: ImageDataset {
  enum Kind: String, CaseIterable {
    /// The image as it is.
    case test
    /// The image and its mirror image.
    case flip
    /// The image through random transforms, as in training.
    case train
  }

  let base: any ImageDataset
  var kind = Kind.test
  var views = 1
  /// Augmentation that the loader applies to the images of `train` views; each view is an item of its own to
  /// it.
  var augmentation: Augmentation?
  var seed: UInt64 = 0

  var name: String { base.name }
  var count: Int { base.count * views }
  var classNames: [String]? { base.classNames }
  var labelSource: LabelSource { base.labelSource }

  func label(_ index: Int) -> Int? { base.label(index / views) }
  func itemName(_ index: Int) -> String { base.itemName(index / views) }

  func image(_ index: Int) throws -> RGBImage {
    let image = try base.image(index / views)
    return kind == .flip && index % views == 1 ? ImageOperation.flip.apply(to: image) : image
  }
}
