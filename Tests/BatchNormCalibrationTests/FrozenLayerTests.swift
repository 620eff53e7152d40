import NetworkExecution
import Testing

@testable import BatchNormCalibration

struct FrozenLayerTests {
  @Test(arguments: [
    ("backbone.bottom_up.res2.0.conv1.norm", true), ("backbone.bottom_up.stem.conv1.norm", true),
    ("model.backbone.bottom_up.res5.2.conv3.norm", true), ("backbone.res2.0.shortcut.norm", true),
    ("backbone.bottom_up.res2.0.conv1", false), ("backbone.layer1.0.bn1", false),
    ("bottom_up.backbone.norm", false), ("norm", false), ("", false), ("head.res2.norm", false),
    ("backbone.body.layer1.0.bn1", true), ("module.backbone.body.bn1", true),
    ("backbone.res5.0.conv1.norm", true),
    ("backbone.fpn_lateral2.norm", false), ("backbone.fpn.inner_blocks.0.1", false), ("backbone", false),
  ])
  func backbonesOfDetectorsAreToldByTheirNames(name: String, isFrozen: Bool) {
    #expect(Network.isInBackboneOfDetector(name) == isFrozen)
  }
}
