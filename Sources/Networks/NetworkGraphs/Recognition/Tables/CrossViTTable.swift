// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension CrossViT {
  static let table = PublishedTable(heads: [["head.0", "head.1"]], resizable: [], """
    crossvit_15_240 68afb7e75adc8c6c eps=1e-06 patches=12,16 only=240 heads=6,6 sizes=240,224
    crossvit_15_dagger_240 cbde112f03e71e76 eps=1e-06 patches=12,16 only=240 heads=6,6 sizes=240,224
    crossvit_15_dagger_408 f974df91dd9fd773 eps=1e-06 patches=12,16 only=408 heads=6,6 sizes=408,384
    crossvit_18_240 5326f0892482987a eps=1e-06 patches=12,16 only=240 heads=7,7 sizes=240,224
    crossvit_18_dagger_240 7d4404632e8d1f27 eps=1e-06 patches=12,16 only=240 heads=7,7 sizes=240,224
    crossvit_18_dagger_408 0523280c3430094a eps=1e-06 patches=12,16 only=408 heads=7,7 sizes=408,384
    crossvit_9_240 e87bbe29a8c44cf9 eps=1e-06 patches=12,16 only=240 heads=4,4 sizes=240,224
    crossvit_9_dagger_240 764afc6f39d8a37f eps=1e-06 patches=12,16 only=240 heads=4,4 sizes=240,224
    crossvit_base_240 5ed955fcc645f795 eps=1e-06 patches=12,16 only=240 heads=12,12 sizes=240,224
    crossvit_small_240 0135c7b7b043b89d eps=1e-06 patches=12,16 only=240 heads=6,6 sizes=240,224
    crossvit_tiny_240 6aadb92fc0b6ac58 eps=1e-06 patches=12,16 only=240 heads=3,3 sizes=240,224
    """)
}
