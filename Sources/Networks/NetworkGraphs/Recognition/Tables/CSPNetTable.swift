// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension CSPNet {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    cs3darknet_focus_l 5eaf8aa0357cefed act=silu stem=2 strides=2,2,2,2
    cs3darknet_focus_m 8085c199146e505c act=silu stem=2 strides=2,2,2,2
    cs3darknet_focus_s 95907f7750542d85 act=silu stem=2 strides=2,2,2,2
    cs3darknet_focus_x 1d3eb9d79dff9eee act=silu stem=2 strides=2,2,2,2
    cs3darknet_l 2edb4bec5ef7b61f act=silu stem=2,1 strides=2,2,2,2
    cs3darknet_m 4a963416e2d0d916 act=silu stem=2,1 strides=2,2,2,2
    cs3darknet_s b1ac3ba2eb694405 act=silu stem=2,1 strides=2,2,2,2
    cs3darknet_x b9b4331e9803efc0 act=silu stem=2,1 strides=2,2,2,2
    cs3edgenet_x 843b5febd4921dea act=silu stem=2,1 strides=2,2,2,2
    cs3se_edgenet_x 19a4a332e60c8856 act=silu stem=2,1 strides=2,2,2,2 gate-act=silu
    cs3sedarknet_l 2793aca376bba1c4 act=silu stem=2,1 strides=2,2,2,2 gate-act=silu
    cs3sedarknet_x 2c53c9857e587c1e act=silu stem=2,1 strides=2,2,2,2 gate-act=silu
    cs3sedarknet_xdw 649b1513f3c7f58f act=silu stem=2,1 strides=2,2,2,2 gate-act=silu
    cspdarknet53 a61551e1dfc05721 slope=0.01 stem=1 strides=2,2,2,2,2
    cspresnet50 c3b6d7a18787337f slope=0.01 stem=2 strides=1,2,2,2 stem-pool cross-linear
    cspresnet50d be827abf872567c2 slope=0.01 stem=2,1,1 strides=1,2,2,2 stem-pool cross-linear
    cspresnet50w ea0f24a6ad63fe38 slope=0.01 stem=2,1,1 strides=1,2,2,2 stem-pool cross-linear
    cspresnext50 d5810e258597bbca slope=0.01 stem=2 strides=1,2,2,2 stem-pool cross-linear
    darknet17 79cb6a4a9d7d8d80 slope=0.01 stem=1 strides=2,2,2,2,2
    darknet21 7c0a2964bb0879ec slope=0.01 stem=1 strides=2,2,2,2,2
    darknet53 5654d0cd0b850508 slope=0.01 stem=1 strides=2,2,2,2,2
    darknetaa53 43ee8168d04f0329 slope=0.01 stem=1 strides=2,2,2,2,2
    """)
}
