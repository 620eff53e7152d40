// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension FocalNet {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    focalnet_base_lrf 7eebb9308c0ee255 blocks=2,2,18,2 eps=1e-05
    focalnet_base_srf 560ca3a5b0abc6cf blocks=2,2,18,2 eps=1e-05
    focalnet_huge_fl3 f07590fa21eb4fbb blocks=2,2,18,2 eps=1e-05
    focalnet_huge_fl4 46a32aab711492ad blocks=2,2,18,2 eps=1e-05
    focalnet_large_fl3 5a448a478f19d559 blocks=2,2,18,2 eps=1e-05
    focalnet_large_fl4 e3f5359c3b2b09bd blocks=2,2,18,2 eps=1e-05
    focalnet_small_lrf 49414c3b4ff76115 blocks=2,2,18,2 eps=1e-05
    focalnet_small_srf cbd7354d944f2387 blocks=2,2,18,2 eps=1e-05
    focalnet_tiny_lrf 6cccc3477f0b1555 blocks=2,2,6,2 eps=1e-05
    focalnet_tiny_srf 1844fc6ba3b95f3f blocks=2,2,6,2 eps=1e-05
    focalnet_xlarge_fl3 ab72969a607f08ce blocks=2,2,18,2 eps=1e-05
    focalnet_xlarge_fl4 49ebbe54934db764 blocks=2,2,18,2 eps=1e-05
    """)
}
