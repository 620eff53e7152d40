import Foundation
import TestSupport
import Testing

@testable import ImageData

/// Pickled CIFAR, NumPy archives and PyTorch files, as Python's own libraries wrote them.
@Suite struct ArrayFileTests {
  private func path(_ name: String) -> String { Fixtures.path("goldens/ImageData/arrays/\(name)") }

  private func refusal(_ argument: String) throws -> String {
    let error = try #require(throws: ImageDataError.self) { try openDataset(argument) }
    #expect(error.kind == .badData)
    return error.description.replacingOccurrences(
      of: Fixtures.path("goldens/ImageData/arrays"), with: "arrays")
  }

  @Test func pixelsAndLabelsAreThoseThatPythonWrote() throws {
    let rows = try ImageGolden.rows("arrays.tsv")
    #expect(rows.count == 14)
    for row in rows {
      let dataset = try openDataset(path(row[0]))
      let labels = (0..<dataset.count).map { dataset.label($0) }
      #expect(labels == row[1].split(separator: ",").map { Int($0) }, "\(row[0])")
      let pixels = try (0..<dataset.count).flatMap { try dataset.image($0).pixels }
      #expect(ImageGolden.hash(pixels) == row[2], "\(row[0])")
    }
  }

  @Test func pickledCIFARNamesItsClasses() throws {
    let names = try openDataset(path("data_batch_1")).classNames
    #expect(names?.first == "airplane" && names?.count == 10)
    #expect(try openDataset(path("hundred")).classNames == nil)
    #expect(
      try refusal(path("no-data"))
        == #"arrays/no-data: a pickle without an array "data" as CIFAR's have; its keys are "x", "y""#)
  }

  @Test func folderOfCIFARIsOnePart() throws {
    let folder = try TemporaryFolder()
    func copy(_ name: String, _ target: String) throws {
      try FileManager.default.copyItem(atPath: path(name), toPath: folder.file(target))
    }
    try copy("data_batch_1", "data_batch_1")
    try copy("data_batch_2", "data_batch_2")
    try copy("batches.meta", "batches.meta")
    let dataset = try openDataset(folder.path)
    #expect(dataset.count == 4 && dataset.label(2) == 6 && dataset.classNames?.count == 10)
    #expect(try openDataset(folder.file("data_batch_{1..2}")).count == 4)
    try copy("data_batch_3", "test_batch")
    let error = try #require(throws: ImageDataError.self) { try openDataset(folder.path) }
    #expect(error.description.contains(#"expected the name of a part, "data_batch_2" or "test_batch""#))
    #expect(try openDataset(folder.file("test_batch")).count == 2)
  }

  @Test func archivesOfSeveralPartsWantAName() throws {
    #expect(
      try refusal(path("parts.npz"))
        == #"arrays/parts.npz: the archive has the parts "test", "train"; name one, as in arrays/parts.npz:test"#
    )
    #expect(
      try refusal(path("parts.npz:val"))
        == #"arrays/parts.npz: no array "val_images" or "x_val" among the arrays "test_images", "test_labels", "train_images", "train_labels""#
    )
    #expect(
      try refusal(path("many-labels.npz"))
        == "arrays/many-labels.npz:labels: expected 2 whole numbers, found |u1 [2, 2]")
    let unlabelled = try openDataset(path("unlabelled.npz"))
    #expect(unlabelled.label(0) == nil)
    #expect(unlabelled.labelSource == .tensor("labels"))
    #expect(try openDataset(path("parts.npz:train")).itemName(2) == path("parts.npz:train[2]"))
    let missing = try #require(throws: ImageDataError.self) { try openDataset(path("absent.npz:train")) }
    #expect(missing.kind == .noInput)
  }

  @Test func messageForPyTorchFilesNamesTheTensorsOfADataSet() throws {
    let message = try refusal(path("tuple.pt"))
    #expect(
      message.hasPrefix(
        #"arrays/tuple.pt: no tensor "images": expected a dictionary of the tensors "images" and "labels""#))
  }

  /// Every damage is an error, or leaves a data set that can be read.
  @Test(arguments: ["data_batch_1", "data_batch_5", "parts.npz", "keras.npz"])
  func damageNeverCrashes(_ name: String) throws {
    let folder = try TemporaryFolder()
    let bytes = [UInt8](try Data(contentsOf: URL(fileURLWithPath: path(name))))
    let target = folder.file(name)
    let part = name.hasSuffix("npz") ? ":train" : ""
    for position in stride(from: 0, to: bytes.count, by: bytes.count > 3000 ? 7 : 1) {
      var damaged = bytes
      damaged[position] ^= 0x15
      for content in [damaged, Array(bytes.prefix(position))] {
        try Data(content).write(to: URL(fileURLWithPath: target))
        do {
          let dataset = try openDataset(target + part)
          for index in 0..<min(dataset.count, 3) { _ = try dataset.image(index) }
        } catch is ImageDataError {}
      }
    }
  }
}
