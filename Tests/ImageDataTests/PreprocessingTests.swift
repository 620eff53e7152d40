import Checkpoint
import Testing

@testable import ImageData

@Suite struct PreprocessingTests {
  private func floats(_ text: String) -> [Float] { text.split(separator: ",").map { Float($0)! } }

  /// Pixels and normalised values equal torchvision's, bit for bit.
  @Test func equalsTorchvision() throws {
    let rows = try ImageGolden.rows("preprocessing.tsv")
    #expect(rows.count == 60)
    for row in rows {
      let n = row[0...4].map { Int($0)! }
      let image = ImageGolden.noise(width: n[1], height: n[2], seed: n[0])
      let preprocessing = Preprocessing(
        resize: n[3], crop: n[4], interpolation: try #require(Interpolation(rawValue: row[5])),
        mean: floats(row[6]), std: floats(row[7]))
      let cropped = preprocessing.crop(of: image)
      #expect(ImageGolden.hash(cropped.pixels) == row[8], "\(row)")
      var values = [Float](repeating: 0, count: n[4] * n[4] * 3)
      values.withUnsafeMutableBufferPointer { preprocessing.apply(image, into: $0.baseAddress!) }
      #expect(ImageGolden.hash(values) == row[9], "\(row)")
    }
  }

  @Test func sizesAreRounded() {
    let short = ResizeMode.shorterSide
    #expect(
      short.size(width: 500, height: 375, resize: 256, crop: CropSize(height: 9, width: 9)) == (341, 256))
    #expect(
      short.size(width: 375, height: 500, resize: 256, crop: CropSize(height: 9, width: 9)) == (256, 341))
    #expect(
      short.size(width: 300, height: 300, resize: 256, crop: CropSize(height: 9, width: 9)) == (256, 256))
    #expect(
      ResizeMode.squash.size(width: 500, height: 375, resize: 256, crop: CropSize(height: 9, width: 9)) == (
        256, 256
      ))
    #expect(
      ResizeMode.border.size(width: 500, height: 375, resize: 256, crop: CropSize(height: 9, width: 9)) == (
        256, 192
      ))
    #expect(
      ResizeMode.border.size(width: 9999, height: 1, resize: 10, crop: CropSize(height: 9, width: 9)) == (
        10, 1
      ))
    #expect(Preprocessing.resize(crop: 224, cropPercentage: 0.965) == 232)
    #expect(Preprocessing.resize(crop: 288, cropPercentage: 0.95) == 303)
    #expect(Preprocessing.resize(crop: 299, cropPercentage: 0.875) == 341)
  }

  @Test func recordsNameTheFiltersThereAre() {
    #expect(RecordedPreprocessing.filters == Interpolation.allCases.map(\.rawValue))
  }

  @Test func halvesOfTheOffsetGoToTheEvenNeighbour() {
    func center(_ length: Int) -> AxisCrop { AxisCrop(length: length, crop: 224, placement: .center) }
    #expect(center(257).source == 16)
    #expect(center(259).source == 18)
    #expect(center(256).source == 16)
    // Padding puts the larger half after the image.
    let padded = AxisCrop(length: 5, crop: 10, placement: .end)
    #expect((padded.source, padded.target, padded.count) == (0, 2, 5))
  }

  /// timm's modes and torchvision's TenCrop.
  @Test func viewsEqualTheFrameworks() throws {
    let rows = try ImageGolden.rows("views.tsv")
    #expect(rows.count == 40)
    for row in rows {
      let n = row[0...4].map { Int($0)! }
      let image = ImageGolden.noise(width: n[1], height: n[2], seed: n[0])
      var preprocessing = Preprocessing(resize: n[3], crop: n[4], interpolation: .bicubic)
      preprocessing.mode = try #require(ResizeMode(rawValue: row[5]))
      let views = row[6] == "ten" ? preprocessing.tenCrops : [preprocessing]
      #expect(ImageGolden.hash(views.flatMap { $0.crop(of: image).pixels }) == row[7], "\(row)")
    }
  }

  @Test func thinImagesNeedNoMoreMemoryThanTheCrop() {
    let line = RGBImage(width: 65500, height: 1, pixels: [UInt8](repeating: 7, count: 65500 * 3))
    let cropped = Preprocessing(resize: 4096, crop: 8).crop(of: line)
    #expect(cropped.pixels == [UInt8](repeating: 7, count: 8 * 8 * 3))
  }

  @Test func metadataRoundTrips() throws {
    let original = Preprocessing(
      resize: 330, crop: 288, interpolation: .bicubic, mean: [0.5, 0.25, 0.125], std: [0.1, 0.2, 0.3])
    let entries = original.metadataEntries
    #expect(
      entries == [
        "ckpt.resize": "330", "ckpt.crop": "288", "ckpt.interpolation": "bicubic",
        "ckpt.mean": "0.5,0.25,0.125", "ckpt.std": "0.1,0.2,0.3",
      ])
    #expect(try Preprocessing(metadata: { entries[$0] }, source: "x") == original)
    var squashed = original
    squashed.mode = .squash
    #expect(squashed.metadataEntries["ckpt.resize_mode"] == "squash")
    #expect(try Preprocessing(metadata: { squashed.metadataEntries[$0] }, source: "x") == squashed)
    #expect(Preprocessing.imageNet.metadataEntries["ckpt.mean"] == "0.485,0.456,0.406")
    #expect(Preprocessing.imageNet.metadataEntries["ckpt.std"] == "0.229,0.224,0.225")
  }

  @Test func missingEntriesTakeTheDefaults() throws {
    #expect(try Preprocessing(metadata: { _ in nil }, source: "x") == nil)
    let crop = try Preprocessing(metadata: { $0 == "ckpt.crop" ? "288" : nil }, source: "x")
    #expect(crop == Preprocessing(resize: 329, crop: 288))
  }

  @Test(arguments: [
    ("ckpt.resize", "0"), ("ckpt.resize", "2e2"), ("ckpt.crop", "-1"), ("ckpt.crop", "70000"),
    ("ckpt.crop", "16385"), ("ckpt.resize", "9223372036854775808"), ("ckpt.mean", "1e300,0,0"),
    ("ckpt.crop", "+5"),
    ("ckpt.interpolation", "cubic"), ("ckpt.resize_mode", "crop"), ("ckpt.mean", "0.5,0.5"),
    ("ckpt.mean", "a,b,c"),
    ("ckpt.mean", "1,2,3,"),
    ("ckpt.std", "1,1,0"), ("ckpt.std", "1,1,nan"), ("ckpt.std", "1,,1,1"),
  ])
  func badMetadataIsNamed(key: String, value: String) throws {
    let error = try #require(throws: ImageDataError.self) {
      try Preprocessing(metadata: { $0 == key ? value : nil }, source: "m.safetensors")
    }
    #expect(error.kind == .badData)
    #expect(error.description.hasPrefix("m.safetensors: metadata \"\(key)\": expected "), "\(error)")
    #expect(error.description.hasSuffix("found \"\(value)\""), "\(error)")
  }

  /// A mean colour outside of 0…1 fills the border with the nearest byte.
  @Test func bordersOfImpossibleColours() {
    let image = RGBImage(width: 2, height: 2, pixels: [UInt8](repeating: 9, count: 12))
    var preprocessing = Preprocessing(resize: 2, crop: 4, mean: [1e30, -1e30, 0.5])
    preprocessing.mode = .border
    #expect(preprocessing.crop(of: image).pixels.prefix(3) == [255, 0, 128])
  }
}
