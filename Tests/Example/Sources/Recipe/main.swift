import Averaging
import BatchNormCalibration
import Checkpoint
import ImageData
import NetworkExecution
import Platform
import Statistics

// The mean of a series of checkpoints with its BatchNorm statistics recalibrated, without a tool or a file in between
// that is not wanted.
//
//     Recipe OUTPUT DATASET CHECKPOINT...

let arguments = Array(CommandLine.arguments.dropFirst())
guard arguments.count >= 3 else { fatalError("usage: Recipe OUTPUT DATASET CHECKPOINT...") }
let (output, dataset, files) = (arguments[0], try openDataset(arguments[1]), arguments[2...])
let pool = ThreadPool(threads: 2)

// Average: the weights come first, then one streaming read of all files.
let series = try Series(files.map { try openCheckpoint(.path($0)) })
let timeline = try Timeline(names: Array(files))
let method = try ExponentialMovingAverage(decay: 0.9)
let plan = try AveragingPlan(series, try method.combination(of: timeline))
let writer = try CheckpointWriter(
  to: .path(output), tensors: plan.entries.map(\.output), metadata: Metadata())
try AveragingPass([plan]).run(into: [writer], pool: pool)
try writer.finish()

// Recalibrate: each batch shows every layer its moments, which then combine exactly.
let average = try openCheckpoint(.path(output))
let network = try Network(average, pool: pool, options: .statistics)
var preprocessing = Preprocessing.imageNet
(preprocessing.resize, preprocessing.crop) = (54, 48)
var generator = SeededGenerator(seed: 0)
let loader = BatchLoader(
  dataset, indices: generator.permutation(dataset.count), batchSize: 32, views: [preprocessing], workers: 2)
let calibration = try recalibrate(network, loader)[0]
try rewriteCheckpoint(
  average,
  replacing: network.stored(calibration.statistics(), batchCount: calibration.batchCount, in: average),
  metadata: average.metadata, to: .path(output))
print("\(network.architectureName): \(files.count) checkpoints, \(calibration.imageCount) images")
