import ImageData
import TensorMath

/// Several views of every image of a data set: view v of image i is item i·views + v.
///
/// What a view shows depends on the seed and its index alone, so that views can be cached and read in any order.
struct AugmentedDataset: ImageDataset {
  enum Kind: String, CaseIterable {
    /// The image as it is.
    case test
    /// The image and its mirror image.
    case flip
    /// Random resized crops, every other one mirrored at random, as in training.
    case train
  }

  let base: any ImageDataset
  let kind: Kind
  let views: Int
  /// Side of the random crops, and the filter that resizes them.
  let side: Int
  let interpolation: Interpolation
  let seed: UInt64

  var name: String { base.name }
  var count: Int { base.count * views }
  var classNames: [String]? { base.classNames }

  func label(_ index: Int) -> Int? { base.label(index / views) }
  func itemName(_ index: Int) -> String { base.itemName(index / views) }

  func image(_ index: Int) throws -> RGBImage {
    let image = try base.image(index / views)
    switch kind {
    case .test: return image
    case .flip: return index % views == 0 ? image : image.mirrored
    case .train:
      // SplitMix64 separates neighbouring seeds well; the product keeps the items' sequences apart.
      var generator = SeededGenerator(seed: seed ^ (UInt64(index) &+ 1) &* 0xD134_2543_DE82_EF95)
      let window = CropWindow(width: image.width, height: image.height, generator: &generator)
      let crop = image.cropped(window).resized(width: side, height: side, interpolation: interpolation)
      return generator.uniform() < 0.5 ? crop.mirrored : crop
    }
  }
}

/// The part of an image that torchvision's `RandomResizedCrop` would take: 8 to 100 % of the area, sides 3:4 to 4:3.
struct CropWindow {
  let x: Int
  let y: Int
  let width: Int
  let height: Int

  init(width: Int, height: Int, generator: inout SeededGenerator) {
    let area = Double(width * height)
    for _ in 0..<10 {
      let target = area * generator.uniform(in: 0.08..<1)
      let ratio = generator.uniform(in: -0.28768207..<0.28768207).exponential
      let w = Int((target * ratio).squareRoot().rounded(.toNearestOrEven))
      let h = Int((target / ratio).squareRoot().rounded(.toNearestOrEven))
      guard w > 0, h > 0, w <= width, h <= height else { continue }
      self.init(
        x: generator.integer(below: width - w + 1), y: generator.integer(below: height - h + 1), width: w,
        height: h)
      return
    }
    // As torchvision falls back: the centre, cut to the nearest allowed ratio.
    let w = min(width, Int((Double(height) * 4 / 3).rounded(.toNearestOrEven)))
    let h = min(height, Int((Double(width) * 4 / 3).rounded(.toNearestOrEven)))
    self.init(x: (width - w) / 2, y: (height - h) / 2, width: w, height: h)
  }

  private init(x: Int, y: Int, width: Int, height: Int) {
    self.x = x
    self.y = y
    self.width = width
    self.height = height
  }
}
