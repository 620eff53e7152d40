import Foundation
import ImageData
import TensorMath

// Damages files at random and reads them:
//
//   swift run --sanitize=address image-fuzz ITERATIONS SEED FILE…
//
// Images are decoded, other files opened as data sets and every image in them read. Whatever the bytes, each must end
// in an image or an `ImageDataError`; anything else ends the process. The last file is left in the temporary folder
// then, and the same seed makes it again.

let arguments = CommandLine.arguments
guard arguments.count > 3, let iterations = Int(arguments[1]), let seed = UInt64(arguments[2]) else {
  FileHandle.standardError.write(Data("usage: image-fuzz ITERATIONS SEED FILE…\n".utf8))
  exit(64)
}
let corpus = try arguments[3...].map { path in
  (path: path, bytes: [UInt8](try Data(contentsOf: URL(fileURLWithPath: path))))
}
let images: Set = ["jpg", "jpeg", "png", "webp", "bmp", "ppm", "pgm"]
let folder = FileManager.default.temporaryDirectory.appendingPathComponent("image-fuzz-\(seed)")
try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
var generator = SeededGenerator(seed: seed)
var counts = (read: 0, refused: 0)

@MainActor func damaged(_ bytes: [UInt8]) -> [UInt8] {
  var result = bytes
  for _ in 0...generator.integer(below: 8) where !result.isEmpty {
    let place = generator.integer(below: result.count)
    switch generator.integer(below: 6) {
    case 0: result[place] = UInt8(truncatingIfNeeded: generator.next())
    case 1: result[place] ^= 1 << UInt8(generator.integer(below: 8))
    case 2: result[place] = [0, 0xff, 0x7f, 0x80][generator.integer(below: 4)]
    case 3: result.removeLast(generator.integer(below: result.count))
    case 4: result.removeSubrange(place..<min(place + generator.integer(below: 16), result.count))
    default:
      let other = corpus[generator.integer(below: corpus.count)].bytes
      let start = generator.integer(below: max(other.count, 1))
      result.insert(
        contentsOf: other[start..<min(start + generator.integer(below: 64), other.count)], at: place)
    }
  }
  return result
}

@MainActor func attempt(_ body: () throws -> Void) throws {
  do {
    try body()
    counts.read += 1
  } catch is ImageDataError {
    counts.refused += 1
  }
}

for _ in 0..<iterations {
  let (path, bytes) = corpus[generator.integer(below: corpus.count)]
  let suffix = URL(fileURLWithPath: path).pathExtension
  let content = damaged(bytes)
  let file = folder.appendingPathComponent("file.\(suffix)")
  try Data(content).write(to: file)
  if images.contains(suffix) {
    var options = DecodingOptions()
    options.appliesOrientation = true
    try attempt {
      let image = try RGBImage(decoding: content, item: path, options: options)
      if image.width * image.height < 1 << 20 { _ = Preprocessing(resize: 9, crop: 8).crop(of: image) }
    }
  } else {
    try attempt {
      let dataset = try openDataset(file.path)
      for index in 0..<min(dataset.count, 100) { try attempt { _ = try dataset.image(index) } }
    }
  }
}
try FileManager.default.removeItem(at: folder)
print("\(iterations) files: \(counts.read) read, \(counts.refused) refused")
