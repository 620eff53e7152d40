import BatchNormCalibration
import Checkpoint
import CommandSupport
import ConvNet
import Foundation
import ImageData

extension BNFix {
  /// The statistic in the dtype that the checkpoint already keeps it in.
  func replacement(for key: TensorName, values: [Double], in network: Network) throws -> TensorValue {
    let old = try network.parameter(key)
    return try TensorValue(doubles: values, shape: old.shape, dtype: old.dtype, name: key)
  }

  func rounded(_ value: Double) -> String { String(format: "%.3f", value) }

  /// Everything that the new statistics depend on, and nothing else.
  func provenance(dataset: any ImageDataset, images: Int, preprocessing: Preprocessing) -> Provenance {
    var options: [(String, JSON)] = [
      ("estimator", .string(estimator.rawValue)),
      ("batch_size", .number("\(batchSize)")),
      ("images", .number("\(images)")),
      ("data", .string(dataset.name)),
      ("shuffle", .bool(shuffle)),
    ]
    if shuffle { options.append(("seed", .number("\(seed)"))) }
    for (key, value) in preprocessing.metadataEntries.sorted(by: { $0.key < $1.key }) {
      options.append((key, .string(value)))
    }
    return Provenance(tool: "ckpt-bnfix", options: options)
  }
}
