// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension LowFormer {
  static let table = PublishedTable(heads: [["classifier"]], resizable: [], """
    lowformer_b0 8c833f6967b572f3 act=hardswish eps=1e-05 heads=0,0,2,4
    lowformer_b1 804bc7afeff7957c act=hardswish eps=1e-05 heads=0,0,2,4
    lowformer_b15 cf669d52809148de act=hardswish eps=1e-05 heads=0,0,2,5
    lowformer_b2 b044b869503dd1da act=hardswish eps=1e-05 heads=0,0,3,6
    lowformer_b3 5487e233f2abd1f6 act=hardswish eps=1e-05 heads=0,0,4,8
    lowformer_e1 4f6eedeccb32f4d8 act=hardswish eps=1e-05 heads=0,0,0,0
    lowformer_e2 007a74b50eecb502 act=hardswish eps=1e-05 heads=0,0,0,0
    lowformer_e3 040e480f2cb4cf0e act=hardswish eps=1e-05 heads=0,0,4,8
    """)
}
