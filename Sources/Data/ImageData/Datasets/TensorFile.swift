import Checkpoint
import Platform

/// Batches of pixels as a tensor of a safetensors or PyTorch file: unsigned bytes of the shapes that `NumPy` reads.
///
/// The pixels are the tensor `images`, or the only one of such a type and shape; the labels are the whole numbers `[n]`
/// called `labels`, or the only such tensor, if there is one.
enum TensorFile {
  static func open(_ path: String) throws(ImageDataError) -> PixelArrayDataset {
    try wrapped(path) {
      let source = try open(dictionaryAt: path)
      let images = try images(in: source, path: path)
      guard let geometry = PixelArrayDataset.Geometry(shape: images.shape, start: 0), images.dtype == .u8
      else {
        throw ImageDataError.badDataset(
          path: path,
          reason: "tensor \"\(images.name)\": expected U8 of \(PixelArrayDataset.Geometry.shapes), "
            + "found \(images.dtype.name) \(images.shape)")
      }
      guard geometry.count > 0, geometry.imageSize > 0 else {
        throw ImageDataError.emptyDataset(path: path, found: "shape \(images.shape)")
      }
      let labels = try labels(in: source, count: geometry.count, path: path)
      return PixelArrayDataset(
        RandomAccessBytes(source, tensor: images, path: path), geometry, labels: labels,
        from: .tensor("labels"))
    }
  }

  /// - Throws: For a PyTorch file that holds something else, what a data set has, not what a network's file has.
  private static func open(dictionaryAt path: String) throws -> any CheckpointSource {
    do {
      return try openCheckpoint(.path(path))
    } catch CheckpointError.noStateDict(_, let reason) where reason.begins(with: noStateDict) {
      // The keys that the sample does have follow.
      throw ImageDataError.badDataset(
        path: path,
        reason: "no tensor \"images\": expected a dictionary of the tensors \"images\" and \"labels\", "
          + "found another object\(reason.dropping(prefix: noStateDict) ?? "")")
    }
  }

  private static let noStateDict = "no state dict"

  private static func images(in source: any CheckpointSource, path: String) throws -> TensorSpec {
    if let named = source.spec("images") { return named }
    let fitting = source.tensors.filter {
      $0.dtype == .u8 && PixelArrayDataset.Geometry(shape: $0.shape, start: 0) != nil
    }
    guard fitting.count == 1 else {
      throw ImageDataError.badDataset(
        path: path,
        reason:
          "no tensor \"images\", and \(fitting.isEmpty ? "none" : "\(fitting.count)") that could be it: "
          + "U8 of \(PixelArrayDataset.Geometry.shapes)")
    }
    return fitting[0]
  }

  private static func labels(in source: any CheckpointSource, count: Int, path: String) throws -> [Int]? {
    let integers: [DType] = [.u8, .i8, .i16, .u16, .i32, .u32, .i64, .u64]
    let fitting = source.tensors.filter { $0.shape == [count] && integers.contains($0.dtype) }
    guard let spec = source.spec("labels") ?? (fitting.count == 1 ? fitting[0] : nil) else { return nil }
    guard spec.shape == [count], integers.contains(spec.dtype) else {
      throw ImageDataError.badDataset(
        path: path,
        reason:
          "tensor \"\(spec.name)\": expected \(count) whole numbers, found \(spec.dtype.name) \(spec.shape)")
    }
    let values = try source.value(spec.name).doubles()
    if let wrong = values.firstIndex(where: { !(0..<Double(maximumClassCount)).contains($0) }) {
      // Numbers of 64 bits need not fit.
      let found = Int(exactly: values[wrong]).map(String.init) ?? "\(values[wrong])"
      throw ImageDataError.badDataset(
        path: path,
        reason: "tensor \"\(spec.name)\": expected a label at [\(wrong)], found \(found)")
    }
    return values.map { Int($0) }
  }

  /// Runs `body` with errors of the format made those of a data set.
  static func wrapped<Value>(_ path: String, _ body: () throws -> Value) throws(ImageDataError) -> Value {
    do {
      return try body()
    } catch let error as ImageDataError {
      throw error
    } catch let error as CheckpointError {
      throw .badTensors(error)
    } catch {
      throw .badDataset(path: path, reason: "\(error)")
    }
  }
}
