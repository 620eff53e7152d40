// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension ByobNet {
  static let table = PublishedTable(heads: [["head.fc"], ["head.proj"]], resizable: [], """
    eca_resnet33ts e731d8dc2b28069e act=silu blocks=2,3,3,2 strides=1,2,2,2 stem=2,1,2
    eca_resnext26ts ea016f2262b267bf act=silu blocks=2,2,2,2 strides=1,2,2,2 stem=2,1,1 stem-pool=max
    gcresnet33ts 905489c74c3c102c act=silu blocks=2,3,3,2 strides=1,2,2,2 stem=2,1,2
    gcresnet50t 76a18cd68c8f497d act=relu blocks=3,4,6,3 strides=1,2,2,2 stem=2,1,2
    gcresnext26ts f36698fa65a44d85 act=silu blocks=2,2,2,2 strides=1,2,2,2 stem=2,1,1 stem-pool=max
    gcresnext50ts 0df0eb80bccfb34b act=silu blocks=3,4,6,3 strides=1,2,2,2 stem=2,1,1 stem-pool=max
    gernet_l 25d91960caa15fb5 act=relu blocks=1,2,6,5,4 strides=2,2,2,2,1
    gernet_m a40f8ba05e5884de act=relu blocks=1,2,6,4,1 strides=2,2,2,2,1
    gernet_s 3395ff9fefb6313c act=relu blocks=1,3,7,2,1 strides=2,2,2,2,1
    mobileone_s0 b7d4940ac91badd5 act=relu blocks=4,16,20,2 strides=2,2,2,2
    mobileone_s1 5f0bd9f299812097 act=relu blocks=4,16,20,2 strides=2,2,2,2
    mobileone_s2 b5054f7145c50b13 act=relu blocks=4,16,20,2 strides=2,2,2,2
    mobileone_s3 24c1d6a065794ec7 act=relu blocks=4,16,20,2 strides=2,2,2,2
    mobileone_s4 54c0ec21a3377a24 act=relu blocks=4,16,20,2 strides=2,2,2,2 gate-act=relu
    regnetz_b16 52fd01588d664385 act=silu blocks=2,6,12,2 strides=2,2,2,2 linear gate-act=relu
    regnetz_b16_evos b9e2a24dc288707d act=silu blocks=2,6,12,2 strides=2,2,2,2 evolved-width=16 evolved-eps=0.001 evolved-always linear gate-act=relu
    regnetz_c16 0286181fc4a0a983 act=silu blocks=2,6,12,2 strides=2,2,2,2 linear gate-act=relu
    regnetz_c16_evos a2b4235daab1a031 act=silu blocks=2,6,12,2 strides=2,2,2,2 evolved-width=16 evolved-eps=0.001 evolved-always linear gate-act=relu
    regnetz_d32 8f58cdd9f08b036d act=silu blocks=3,6,12,3 strides=1,2,2,2 stem=2,1,2 linear gate-act=relu
    regnetz_d8 7c30bcb56255ecd5 act=silu blocks=3,6,12,3 strides=1,2,2,2 stem=2,1,2 linear gate-act=relu
    regnetz_d8_evos 555ea07dab7ea1f6 act=silu blocks=3,6,12,3 strides=1,2,2,2 evolved-width=16 evolved-eps=0.001 evolved-always stem=2,1,2 linear gate-act=relu
    regnetz_e8 69e5a60c678ed88d act=silu blocks=3,8,16,3 strides=1,2,2,2 stem=2,1,2 linear gate-act=relu
    repvgg_a0 51ab5713a09733ae act=relu blocks=2,4,14,1 strides=2,2,2,2
    repvgg_a1 bb0674098a6ccd14 act=relu blocks=2,4,14,1 strides=2,2,2,2
    repvgg_a2 b50e90bb05a9561e act=relu blocks=2,4,14,1 strides=2,2,2,2
    repvgg_b0 60e7a39ac88c8868 act=relu blocks=4,6,16,1 strides=2,2,2,2
    repvgg_b1 3f3d684103a649c3 act=relu blocks=4,6,16,1 strides=2,2,2,2
    repvgg_b1g4 033da11d9baab2bb act=relu blocks=4,6,16,1 strides=2,2,2,2
    repvgg_b2 7c1af19d0be3aade act=relu blocks=4,6,16,1 strides=2,2,2,2
    repvgg_b2g4 08d8707c2e7fcc8a act=relu blocks=4,6,16,1 strides=2,2,2,2
    repvgg_b3 19016ad0a475bfe6 act=relu blocks=4,6,16,1 strides=2,2,2,2
    repvgg_b3g4 45f2d486af693fa2 act=relu blocks=4,6,16,1 strides=2,2,2,2
    repvgg_d2se 41139d7c2b1dd3ae act=relu blocks=8,14,24,1 strides=2,2,2,2 gate-act=relu
    resnet101_clip 2330851520aae854 act=relu blocks=3,4,23,3 strides=1,2,2,2 stem=2,1,1 stem-pool=avg2 pooled-strides pool-heads=32 only=224
    resnet101_clip_gap 89b14b6936a94978 act=relu blocks=3,4,23,3 strides=1,2,2,2 stem=2,1,1 stem-pool=avg2 pooled-strides
    resnet32ts da2e9a77d7f0c013 act=silu blocks=2,3,3,2 strides=1,2,2,2 stem=2,1,2
    resnet33ts 62a86e62f5d3c587 act=silu blocks=2,3,3,2 strides=1,2,2,2 stem=2,1,2
    resnet50_clip b47b65ae236c8e3b act=relu blocks=3,4,6,3 strides=1,2,2,2 stem=2,1,1 stem-pool=avg2 pooled-strides pool-heads=32 only=224
    resnet50_clip_gap 457e09a478bb5e47 act=relu blocks=3,4,6,3 strides=1,2,2,2 stem=2,1,1 stem-pool=avg2 pooled-strides
    resnet50_mlp 69fc241ae5118832 act=relu blocks=3,4,6,3 strides=1,2,2,2 stem=2,1,1 stem-pool=avg2 pooled-strides
    resnet50x16_clip c160c55ef9bcb5eb act=relu blocks=6,8,18,8 strides=1,2,2,2 stem=2,1,1 stem-pool=avg2 pooled-strides pool-heads=48 only=384
    resnet50x16_clip_gap 091998bbf56a34a2 act=relu blocks=6,8,18,8 strides=1,2,2,2 stem=2,1,1 stem-pool=avg2 pooled-strides
    resnet50x4_clip 4a128348b0606c0e act=relu blocks=4,6,10,6 strides=1,2,2,2 stem=2,1,1 stem-pool=avg2 pooled-strides pool-heads=40 only=288
    resnet50x4_clip_gap 41eed8650865bf2f act=relu blocks=4,6,10,6 strides=1,2,2,2 stem=2,1,1 stem-pool=avg2 pooled-strides
    resnet50x64_clip 0342eb10e115a92a act=relu blocks=3,15,36,10 strides=1,2,2,2 stem=2,1,1 stem-pool=avg2 pooled-strides pool-heads=64 only=448
    resnet50x64_clip_gap a101b7e3d6864048 act=relu blocks=3,15,36,10 strides=1,2,2,2 stem=2,1,1 stem-pool=avg2 pooled-strides
    resnet51q ec8fae9507e4fead act=silu blocks=2,4,6,4 strides=1,2,2,2 stem=2,1,1,2
    resnet61q 8b7c2cfb6e11eaa2 act=silu blocks=1,4,6,4 strides=1,2,2,2 stem=2,1,1,2
    resnext26ts 518f94aed645d4bb act=silu blocks=2,2,2,2 strides=1,2,2,2 stem=2,1,1 stem-pool=max
    seresnet33ts 66ac2bba46dc8de3 act=silu blocks=2,3,3,2 strides=1,2,2,2 stem=2,1,2 gate-act=relu
    seresnext26ts 80bb2c6c7351ddb9 act=silu blocks=2,2,2,2 strides=1,2,2,2 stem=2,1,1 stem-pool=max gate-act=relu
    test_byobnet c10e66fd0b054c54 act=relu blocks=1,1,1,1 strides=2,2,2,2 gate-act=relu
    """)
}
