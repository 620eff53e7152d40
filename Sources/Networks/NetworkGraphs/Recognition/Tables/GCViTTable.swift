// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension GCViT {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    gcvit_base 50b614d13b1d8b8f blocks=3,4,19,5 windows=7,7,14,7 levels=3,2,0,0 eps=1e-05 only=224
    gcvit_small 9385720dfbf5735b blocks=3,4,19,5 windows=7,7,14,7 levels=3,2,0,0 eps=1e-05 only=224
    gcvit_tiny bcc62bc3553aa9b1 blocks=3,4,19,5 windows=7,7,14,7 levels=3,2,0,0 eps=1e-05 only=224
    gcvit_xtiny a08b2181cbc2c0ef blocks=3,4,6,5 windows=7,7,14,7 levels=3,2,0,0 eps=1e-05 only=224
    gcvit_xxtiny 5f466273edf18f6c blocks=2,2,6,2 windows=7,7,14,7 levels=3,2,0,0 eps=1e-05 only=224
    """)
}
