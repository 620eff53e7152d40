// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension NormFreeNet {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    dm_nfnet_f0 ef20ae2db813e665 stem=2,1,1,2 blocks=1,2,6,3 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.7015043497085571 gamma-in-act same gate-gain=2 gate-act=relu
    dm_nfnet_f1 d485d6e1063652e5 stem=2,1,1,2 blocks=2,4,12,6 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.7015043497085571 gamma-in-act same gate-gain=2 gate-act=relu
    dm_nfnet_f2 a67a4ca01b625a35 stem=2,1,1,2 blocks=3,6,18,9 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.7015043497085571 gamma-in-act same gate-gain=2 gate-act=relu
    dm_nfnet_f3 cf91da7631ce68b7 stem=2,1,1,2 blocks=4,8,24,12 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.7015043497085571 gamma-in-act same gate-gain=2 gate-act=relu
    dm_nfnet_f4 cd2199823a7eee86 stem=2,1,1,2 blocks=5,10,30,15 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.7015043497085571 gamma-in-act same gate-gain=2 gate-act=relu
    dm_nfnet_f5 46c1f4afd86c4003 stem=2,1,1,2 blocks=6,12,36,18 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.7015043497085571 gamma-in-act same gate-gain=2 gate-act=relu
    dm_nfnet_f6 67b24cca4ecb6d81 stem=2,1,1,2 blocks=7,14,42,21 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.7015043497085571 gamma-in-act same gate-gain=2 gate-act=relu
    eca_nfnet_l0 4767434d23745c3d stem=2,1,1,2 blocks=1,2,6,3 alpha=0.2 eps=1e-05 first-stride=1 act=silu gamma=1.78812932968 gate-gain=2
    eca_nfnet_l1 f3d5dd17a5507b53 stem=2,1,1,2 blocks=2,4,12,6 alpha=0.2 eps=1e-05 first-stride=1 act=silu gamma=1.78812932968 gate-gain=2
    eca_nfnet_l2 61c2f2a4ef89b48d stem=2,1,1,2 blocks=3,6,18,9 alpha=0.2 eps=1e-05 first-stride=1 act=silu gamma=1.78812932968 gate-gain=2
    eca_nfnet_l3 8750499aa04e6485 stem=2,1,1,2 blocks=4,8,24,12 alpha=0.2 eps=1e-05 first-stride=1 act=silu gamma=1.78812932968 gate-gain=2
    nf_ecaresnet101 f6388f9136f7eb1b stem=2 blocks=3,4,23,3 alpha=0.2 eps=1e-05 first-stride=1 stem-pool act=relu gamma=1.71395885944 gate-gain=2
    nf_ecaresnet26 9c6026d2d50459fb stem=2 blocks=2,2,2,2 alpha=0.2 eps=1e-05 first-stride=1 stem-pool act=relu gamma=1.71395885944 gate-gain=2
    nf_ecaresnet50 5bc41b1931be4287 stem=2 blocks=3,4,6,3 alpha=0.2 eps=1e-05 first-stride=1 stem-pool act=relu gamma=1.71395885944 gate-gain=2
    nf_regnet_b0 98eda5a363e79080 stem=2 blocks=1,3,6,6 alpha=0.2 eps=1e-05 first-stride=2 act=silu gamma=1.78812932968 gate-gain=2 gate-act=relu
    nf_regnet_b1 8b93266103032f49 stem=2 blocks=2,4,7,7 alpha=0.2 eps=1e-05 first-stride=2 act=silu gamma=1.78812932968 gate-gain=2 gate-act=relu
    nf_regnet_b2 c681d14efae17dc2 stem=2 blocks=2,4,8,8 alpha=0.2 eps=1e-05 first-stride=2 act=silu gamma=1.78812932968 gate-gain=2 gate-act=relu
    nf_regnet_b3 d8280a33311d00fc stem=2 blocks=2,5,9,9 alpha=0.2 eps=1e-05 first-stride=2 act=silu gamma=1.78812932968 gate-gain=2 gate-act=relu
    nf_regnet_b4 75f9d2f5c72b1686 stem=2 blocks=2,6,11,11 alpha=0.2 eps=1e-05 first-stride=2 act=silu gamma=1.78812932968 gate-gain=2 gate-act=relu
    nf_regnet_b5 3d4d09c07183b5aa stem=2 blocks=3,7,14,14 alpha=0.2 eps=1e-05 first-stride=2 act=silu gamma=1.78812932968 gate-gain=2 gate-act=relu
    nf_resnet101 b2d0a60dfb23f2a5 stem=2 blocks=3,4,23,3 alpha=0.2 eps=1e-05 first-stride=1 stem-pool act=relu gamma=1.71395885944
    nf_resnet26 24aa2cf3422f1f03 stem=2 blocks=2,2,2,2 alpha=0.2 eps=1e-05 first-stride=1 stem-pool act=relu gamma=1.71395885944
    nf_resnet50 27ca57e4306508bf stem=2 blocks=3,4,6,3 alpha=0.2 eps=1e-05 first-stride=1 stem-pool act=relu gamma=1.71395885944
    nf_seresnet101 e17e9932f467ef0d stem=2 blocks=3,4,23,3 alpha=0.2 eps=1e-05 first-stride=1 stem-pool act=relu gamma=1.71395885944 gate-gain=2 gate-act=relu
    nf_seresnet26 69654f30c73bf545 stem=2 blocks=2,2,2,2 alpha=0.2 eps=1e-05 first-stride=1 stem-pool act=relu gamma=1.71395885944 gate-gain=2 gate-act=relu
    nf_seresnet50 e48de1bd5cd646ee stem=2 blocks=3,4,6,3 alpha=0.2 eps=1e-05 first-stride=1 stem-pool act=relu gamma=1.71395885944 gate-gain=2 gate-act=relu
    nfnet_f0 d99d39b14aaa45ab stem=2,1,1,2 blocks=1,2,6,3 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.70150434971 gate-gain=2 gate-act=relu
    nfnet_f1 0f14146af2fa5963 stem=2,1,1,2 blocks=2,4,12,6 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.70150434971 gate-gain=2 gate-act=relu
    nfnet_f2 fff492df33106415 stem=2,1,1,2 blocks=3,6,18,9 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.70150434971 gate-gain=2 gate-act=relu
    nfnet_f3 6e950785b8f10891 stem=2,1,1,2 blocks=4,8,24,12 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.70150434971 gate-gain=2 gate-act=relu
    nfnet_f4 1208a2129f4e9de1 stem=2,1,1,2 blocks=5,10,30,15 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.70150434971 gate-gain=2 gate-act=relu
    nfnet_f5 4894c6d3b18f38df stem=2,1,1,2 blocks=6,12,36,18 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.70150434971 gate-gain=2 gate-act=relu
    nfnet_f6 1b92337497091ab5 stem=2,1,1,2 blocks=7,14,42,21 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.70150434971 gate-gain=2 gate-act=relu
    nfnet_f7 61d10570f4e6a59d stem=2,1,1,2 blocks=8,16,48,24 alpha=0.2 eps=1e-05 first-stride=1 act=gelu gamma=1.70150434971 gate-gain=2 gate-act=relu
    nfnet_l0 fc11586f0cf14a46 stem=2,1,1,2 blocks=1,2,6,3 alpha=0.2 eps=1e-05 first-stride=1 act=silu gamma=1.78812932968 gate-gain=2 gate-act=relu
    test_nfnet c78cb02fb7986092 stem=2,1,1,2 blocks=1,1,1,1 alpha=0.2 eps=1e-05 first-stride=1 act=silu gamma=1.78812932968 gate-gain=2 gate-act=relu
    """)
}
