/// The division of an image's rows into tasks.
struct RowBlocks {
  let height: Int
  let count: Int

  /// A division that depends on the layer and the map's size alone, as BLAS and the merging of moments need
  /// it: they may round differently for blocks of other shapes.
  /// - Parameter floatsPerPixel: Memory that a task touches per pixel; a block should stay in the L2 cache.
  init(height: Int, width: Int, floatsPerPixel: Int) {
    let pixels = min(max(Self.cacheFloats / max(floatsPerPixel, 1), 1), 1024)
    let fitting = max(pixels / width, 1)
    self.height = height
    count = (height + fitting - 1) / fitting
  }

  /// A division for work with a result that does not depend on it: as above, but for few images enough blocks
  /// to keep all threads busy.
  init(height: Int, width: Int, floatsPerPixel: Int, images: Int, threads: Int) {
    let natural = RowBlocks(height: height, width: width, floatsPerPixel: floatsPerPixel).count
    let wanted = threads == 1 ? 1 : (4 * threads + images - 1) / images
    // Blocks of fewer pixels would leave tiles empty.
    let most = max(1, height * width / Self.fewestPixels)
    self.height = height
    count = min(max(natural, min(wanted, most)), height)
  }

  private static let cacheFloats = 128 * 1024
  private static let fewestPixels = 56

  subscript(block: Int) -> Range<Int> { block * height / count..<(block + 1) * height / count }

  /// Rows of the largest block.
  var most: Int { (height + count - 1) / count }
}
