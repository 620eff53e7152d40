// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension ReXNet {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    rexnet_100 93b2a0a72e4ac74a act=silu depthwise-act=relu6 strides=1,2,1,2,1,2,1,1,1,1,1,2,1,1,1,1 gate-act=relu
    rexnet_130 74a2bf250813fd03 act=silu depthwise-act=relu6 strides=1,2,1,2,1,2,1,1,1,1,1,2,1,1,1,1 gate-act=relu
    rexnet_150 c8de013e117db9ec act=silu depthwise-act=relu6 strides=1,2,1,2,1,2,1,1,1,1,1,2,1,1,1,1 gate-act=relu
    rexnet_200 a5ede2a3fa124f00 act=silu depthwise-act=relu6 strides=1,2,1,2,1,2,1,1,1,1,1,2,1,1,1,1 gate-act=relu
    rexnet_300 93e507c0ff5b02c1 act=silu depthwise-act=relu6 strides=1,2,1,2,1,2,1,1,1,1,1,2,1,1,1,1 gate-act=relu
    rexnetr_100 52867986197e3c14 act=silu depthwise-act=relu6 strides=1,2,1,2,1,2,1,1,1,1,1,2,1,1,1,1 gate-act=relu
    rexnetr_130 8e876d0631d5db9c act=silu depthwise-act=relu6 strides=1,2,1,2,1,2,1,1,1,1,1,2,1,1,1,1 gate-act=relu
    rexnetr_150 becb19e7d06b4db6 act=silu depthwise-act=relu6 strides=1,2,1,2,1,2,1,1,1,1,1,2,1,1,1,1 gate-act=relu
    rexnetr_200 c441235bed9a4d3c act=silu depthwise-act=relu6 strides=1,2,1,2,1,2,1,1,1,1,1,2,1,1,1,1 gate-act=relu
    rexnetr_300 a58e0c79b96eff37 act=silu depthwise-act=relu6 strides=1,2,1,2,1,2,1,1,1,1,1,2,1,1,1,1 gate-act=relu
    """)
}
