// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension HighResolutionNet {
  static let table = PublishedTable(heads: [["classifier"]], resizable: [], """
    hrnet_w18 681f9119258ab954
    hrnet_w18_small b45e3ea36eadf298
    hrnet_w18_small_v2 f50e43a89a9041ec
    hrnet_w18_ssld 195a5e01a3e61e9a
    hrnet_w30 664215adfa0ab3eb
    hrnet_w32 05c7b5bf85272a1a
    hrnet_w40 0cca6699fa3becc1
    hrnet_w44 1031580db425e448
    hrnet_w48 b71a3378190c9567
    hrnet_w48_ssld 4c88a3af43f85eb1
    hrnet_w64 52f7a88918e1dd82
    """)
}
