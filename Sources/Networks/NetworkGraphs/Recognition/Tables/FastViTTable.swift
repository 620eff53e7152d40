// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension FastViT {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    fastvit_ma36 4ea4900dd66d77ca blocks=6,6,18,6 eps=1e-05 head-width=32
    fastvit_mci0 b1da7d1e7fb222b7 blocks=2,6,10,2 eps=1e-05 head-width=32 large-act
    fastvit_mci1 c65eaff8ffbf16ce blocks=4,12,20,4 eps=1e-05 head-width=32 large-act
    fastvit_mci2 dc6c9a28bc8df640 blocks=4,12,24,4 eps=1e-05 head-width=32 large-act
    fastvit_mci3 4ec029dd6619b272 blocks=2,12,24,4,2 eps=1e-05 head-width=32 large-act
    fastvit_mci4 fbc44f2ced4c1f1b blocks=2,12,24,4,4 eps=1e-05 head-width=32 large-act
    fastvit_s12 c4137eddddf0841e blocks=2,2,6,2 eps=1e-05 head-width=32
    fastvit_sa12 677c12dac2b212ab blocks=2,2,6,2 eps=1e-05 head-width=32
    fastvit_sa24 77cbfa3580ce70f8 blocks=4,4,12,4 eps=1e-05 head-width=32
    fastvit_sa36 574f50524affa72b blocks=6,6,18,6 eps=1e-05 head-width=32
    fastvit_t12 50e6e367dda1e8fe blocks=2,2,6,2 eps=1e-05 head-width=32
    fastvit_t8 78e1d0b3aaf22991 blocks=2,2,4,2 eps=1e-05 head-width=32
    """)
}
