import Foundation
import ImageData

// Loads a data set as the tools do and reports the speed:
//   image-loading DATASET THREADS ROUNDS [FILE]
// prints images per second of each round and writes the images' float32 values, [n, 224, 224, 3], in FILE.
// compare.py runs it beside Pillow and torchvision.

let arguments = CommandLine.arguments
guard (4...5).contains(arguments.count), let threads = Int(arguments[2]), let rounds = Int(arguments[3])
else {
  FileHandle.standardError.write(Data("usage: image-loading DATASET THREADS ROUNDS [FILE]\n".utf8))
  exit(64)
}
let dataset = try openDataset(arguments[1])
for _ in 0..<rounds {
  let clock = ContinuousClock()
  let start = clock.now
  let loader = BatchLoader(
    dataset, indices: Array(0..<dataset.count), batchSize: 32, views: [.imageNet], workers: threads)
  var loaded = 0
  while let batch = try loader.next() { loaded += batch.indices.count }
  let duration = (clock.now - start) / .seconds(1)
  print(Double(loaded) / duration)
}
if arguments.count == 5 {
  _ = FileManager.default.createFile(atPath: arguments[4], contents: nil)
  guard let file = FileHandle(forWritingAtPath: arguments[4]) else {
    fatalError("cannot write \(arguments[4])")
  }
  let loader = BatchLoader(
    dataset, indices: Array(0..<dataset.count), batchSize: 32, views: [.imageNet], workers: threads)
  while let batch = try loader.next() {
    try file.write(contentsOf: batch.views[0].values.withUnsafeBytes { Data($0) })
  }
}
