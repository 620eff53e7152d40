import Foundation

@testable import ImageData

// libFuzzer targets for everything in ImageData that reads foreign bytes; the environment's FUZZ_TARGET chooses. Whatever
// the bytes, they must end in images or in an `ImageDataError`.

private let target = ProcessInfo.processInfo.environment["FUZZ_TARGET"] ?? ""

/// One input of the fuzzer.
@_cdecl("LLVMFuzzerTestOneInput")
public func fuzzOneInput(_ data: UnsafePointer<UInt8>, _ size: Int) -> CInt {
  let bytes = [UInt8](UnsafeBufferPointer(start: data, count: size))
  do {
    switch target {
    case "image": try decode(bytes)
    case "tar": try readAll(TarDataset(RandomAccessBytes(bytes, path: "x"), decoding: DecodingOptions()))
    case "cifar": try readAll(CIFAR.open(RandomAccessBytes(bytes, path: "x")))
    // The files that a list names are not for a fuzzer to open.
    case "list": try readAll(ListDataset(file(bytes), decoding: DecodingOptions()), withImages: false)
    case "idx": try readAll(IDX.open(file(bytes)))
    case "npy": try readAll(NumPy.open(file(bytes)))
    case "npz": try readAll(NumPyArchive.open(file(bytes), part: nil))
    case "pickles": try readAll(PickledCIFAR.open(file(bytes)))
    case "classmap": _ = try ClassMap(path: file(bytes))
    case "tensors": try readAll(TensorFile.open(file(bytes)))
    default: fatalError("FUZZ_TARGET names no target")
    }
  } catch is ImageDataError {
  } catch {
    fatalError("\(error)")
  }
  return 0
}

/// Decodes upright and, where the file says how large it is, at reduced size; looks at the pixels.
private func decode(_ bytes: [UInt8]) throws {
  var options = DecodingOptions()
  options.appliesOrientation = true
  let image = try RGBImage(decoding: bytes, item: "x", options: options)
  guard image.width * image.height < 1 << 20 else { return }
  _ = Preprocessing(resize: 9, crop: 8).crop(of: image)
  options.fastDecodeSide = 8
  _ = try RGBImage(decoding: bytes, item: "x", options: options)
}

private func readAll(_ dataset: some ImageDataset, withImages: Bool = true) throws {
  for index in 0..<min(dataset.count, 20) {
    _ = dataset.label(index)
    _ = dataset.itemName(index)
    guard withImages else { continue }
    do { _ = try dataset.image(index) } catch is ImageDataError {}
  }
}

/// A file of these bytes, in memory where the system has such a place.
private func file(_ bytes: [UInt8]) throws -> String {
  let folder = FileManager.default.isWritableFile(atPath: "/dev/shm") ? "/dev/shm" : "/tmp"
  let path = "\(folder)/ckpt-image-fuzz-\(getpid())"
  try Data(bytes).write(to: URL(fileURLWithPath: path))
  return path
}
