import Checkpoint
import Evaluation
import FoundationEssentials
import ImageData
import ResolutionSweep
import Statistics

/// The predicted class of every image under every setting, as files for other programs.
public enum Predictions {
  /// NumPy's format 1.0: int32, little-endian, shape [settings, images], −1 where a race had dropped the setting.
  ///
  /// Settings are in the order of the report's rows, images in the order of the data set.
  public static func npy(_ measured: Measurements) -> Data {
    let columns = inDatasetOrder(measured)
    return array("<i4", [columns.count, measured.images.count]) { columns.flatMap { $0.map(\.littleEndian) } }
  }

  /// An array in NumPy's format 1.0.
  ///
  /// - Parameters:
  ///   - type: element type as NumPy writes it.
  ///   - values: the elements in row-major order, in little-endian byte order.
  static func array<Element>(_ type: String, _ shape: [Int], _ values: () -> [Element]) -> Data {
    let sizes = shape.map(String.init).joined(separator: ", ")
    let dictionary = "{'descr': '\(type)', 'fortran_order': False, 'shape': (\(sizes)), }"
    // Magic, version and length take ten bytes; the data start at a multiple of 64.
    let padding = (64 - (10 + dictionary.utf8.count + 1) % 64) % 64
    let header = dictionary + String(repeating: " ", count: padding) + "\n"
    var data = Data([0x93] + "NUMPY".utf8 + [1, 0])
    withUnsafeBytes(of: UInt16(header.utf8.count).littleEndian) { data.append(contentsOf: $0) }
    data.append(contentsOf: header.utf8)
    values().withUnsafeBytes { data.append(contentsOf: $0) }
    return data
  }

  /// Tab-separated: image, true class, then one column of predicted classes per setting; empty where a race had
  /// dropped the setting.
  public static func tsv(_ measured: Measurements, report: SweepReport, dataset: any ImageDataset) -> Data {
    let headings = report.rows.map { row -> String in
      let preprocessing = row.setting.preprocessing
      let sizes = "\(preprocessing.resize)/\(preprocessing.crop)/\(preprocessing.interpolation.rawValue)"
      let parts = [sizes] + row.setting.peculiarities
      return ([row.checkpoint.map { TensorName($0).escaped }].compactMap { $0 } + parts).joined(
        separator: "/")
    }
    var text = (["image", "label"] + headings).joined(separator: "\t") + "\n"
    let columns = inDatasetOrder(measured)
    for (place, image) in measured.images.sorted().enumerated() {
      let classes = columns.map { $0[place] < 0 ? "" : "\($0[place])" }
      text +=
        ([TensorName(dataset.itemName(image)).escaped, "\(dataset.label(image) ?? -1)"] + classes).joined(
          separator: "\t") + "\n"
    }
    return Data(text.utf8)
  }

  private static func inDatasetOrder(_ measured: Measurements) -> [[Int32]] {
    let order = measured.images.indices.sorted { measured.images[$0] < measured.images[$1] }
    return measured.outcomes.map { outcomes in
      order.map { $0 < outcomes.count ? outcomes.predicted[$0] : -1 }
    }
  }
}

extension SweepReport {
  /// Value of `ckpt.metrics` in the chosen checkpoint: data set, n, top-1, top-5, loss, and by which
  /// selection, since a score on the images that chose is worth less than one on others.
  public var metricsEntry: String {
    var members: [(String, JSON)] = [
      ("data", .string(lastComponents(dataset))), ("n", JSON(verdict.scoringCount)),
      ("top1", JSON(verdict.top1)),
      ("top5", JSON(verdict.top5)), ("loss", JSON(verdict.loss)), ("select", .string(verdict.method.name)),
    ]
    let setting = rows[verdict.chosen].setting
    if setting.views != .center { members.append(("views", .string(setting.views.rawValue))) }
    if setting.pooling != .average { members.append(("pooling", .string(setting.pooling.name))) }
    if let confirmation = verdict.confirmation {
      members.append(("confirmation", confirmation.json(data: lastComponents(confirmation.dataset))))
    }
    return JSON.object(members).encoded()
  }
}
