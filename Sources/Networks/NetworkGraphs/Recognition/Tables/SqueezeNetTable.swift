// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension SqueezeNet {
  static let table = PublishedTable(heads: [["classifier.1"]], resizable: [], """
    squeezenet1_0 df3bbfcea86e7ec7 layers=13 pools=2,6,11
    squeezenet1_1 f8872df5079a8340 layers=13 pools=2,5,8
    """)
}
