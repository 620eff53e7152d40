import Foundation
import ImageData
import Statistics
import Testing

@testable import Evaluation
@testable import ResolutionSweep
@testable import ckpt_sweep

@Suite struct SettingNamesTests {
  @Test(arguments: [
    (["run/epoch-1.safetensors", "run/epoch-2.safetensors"], ["epoch-1", "epoch-2"]),
    (["a/last.safetensors", "b/last.safetensors"], ["a", "b"]),
    (["/x/a/m.pt", "/x/b/n.pt"], ["a/m.pt", "b/n.pt"]),
    (["m.safetensors", "<stdin>"], ["m", "<stdin>"]),
    (["m.safetensors", "m"], ["m.safetensors", "m"]),
    (["m", "m"], ["m", "m"]), (["/x/a/m.safetensors"], ["m"]), ([], []),
  ])
  func namesKeepWhatDiffers(paths: [String], expected: [String]) {
    #expect(distinguishingNames(paths) == expected)
  }

  @Test(arguments: [
    ("/mnt/data/val/", "val", "data/val"), ("val", "val", "val"), ("a/b.tar", "b.tar", "a/b.tar"),
    ("/", "/", "/"),
  ])
  func dataSetsAreCalledByTheirLastParts(path: String, one: String, two: String) {
    #expect(lastComponents(path) == one)
    #expect(lastComponents(path, count: 2) == two)
  }

  @Test func everyShareGivesTheResizeBack() {
    for crop in stride(from: 8, through: 600, by: 37) {
      for resize in crop...(crop * 3 / 2) {
        let share = Double(Preset.cropShare(crop: crop, resize: resize))!
        #expect(Int(floor(Double(crop) / share)) == resize)
      }
    }
    #expect(Preset.cropShare(crop: 224, resize: 256) == "0.875")
    #expect(Preset.cropShare(crop: 224, resize: 224) == "1.0")
  }

  @Test func presetsReadAsTheLibrariesHaveThem() {
    let chosen = Setting(
      preprocessing: Preprocessing(resize: 232, crop: 224, interpolation: .bicubic))
    #expect(
      Preset.timm.text(for: chosen)
        == "dict(input_size=(3, 224, 224), crop_pct=0.963, crop_mode='center', interpolation='bicubic', mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225))"
    )
    #expect(
      Preset.torchvision.text(for: chosen)
        == "ImageClassification(crop_size=224, resize_size=232, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), interpolation=InterpolationMode.BICUBIC)"
    )
  }

  /// torchvision's Inception v3 and GoogLeNet normalize inputs that were normalized as ImageNet's to ±1 themselves.
  @Test func presetsOfTransformedInputsUndoTheTransform() {
    var chosen = Setting(preprocessing: Preprocessing(resize: 342, crop: 299))
    (chosen.preprocessing.mean, chosen.preprocessing.std) = ([0.5, 0.5, 0.5], [0.5, 0.5, 0.5])
    #expect(
      Preset.torchvision.text(for: chosen, transformsInput: true)
        == "ImageClassification(crop_size=299, resize_size=342, mean=(0.485, 0.456, 0.406), std=(0.229, 0.224, 0.225), interpolation=InterpolationMode.BILINEAR)  # for a model with transform_input"
    )
    // timm's do not transform.
    #expect(Preset.timm.text(for: chosen, transformsInput: true).contains("mean=(0.5, 0.5, 0.5)"))
  }

  @Test func presetsSayWhatTheyCannotExpress() {
    var chosen = Setting(preprocessing: Preprocessing(resize: 224, crop: 224))
    chosen.pooling = .testTime(window: 7)
    #expect(Preset.timm.text(for: chosen).hasSuffix("  # test_pool=True (test-time:7)"))
    chosen.pooling = .average
    chosen.views = .ten
    #expect(Preset.torchvision.text(for: chosen).hasSuffix("  # logits averaged over views: ten"))
    chosen.views = .center
    chosen.preprocessing.mode = .squash
    #expect(
      Preset.torchvision.text(for: chosen).hasPrefix(
        "Compose([Resize((224, 224), interpolation=InterpolationMode.BILINEAR), CenterCrop(224)"))
    chosen.preprocessing.mode = .border
    #expect(Preset.torchvision.text(for: chosen).contains("  # resize mode border"))
    #expect(Preset.timm.text(for: chosen).contains("crop_mode='border'"))
  }

  @Test(arguments: [
    ("300M", Budget.multiplyAdds(3e8)), ("4.1G", .multiplyAdds(4.1e9)), ("20ms", .milliseconds(20)),
    ("1e6", .multiplyAdds(1e6)),
  ])
  func budgetsHaveUnits(text: String, expected: Budget) { #expect(Budget(text) == expected) }

  @Test(arguments: ["", "ms", "0", "-1M", "nan", "infG", "3 M", "3k"])
  func otherBudgetsAreRefused(text: String) { #expect(Budget(text) == nil) }
}
