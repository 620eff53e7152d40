// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension VoVNet {
  static let table = PublishedTable(heads: [["head.fc"]], resizable: [], """
    eca_vovnet39b 7bc147fc42413909 act=relu stem=2,1,2 blocks=1,1,2,2 residual
    ese_vovnet19b_dw 6c2a9dec0a840952 act=relu stem=2,1,2 blocks=1,1,1,1 gate=hardsigmoid
    ese_vovnet19b_slim 0a2ccc19a270e9fc act=relu stem=2,1,2 blocks=1,1,1,1 gate=hardsigmoid
    ese_vovnet19b_slim_dw b41e7de11fc7bb14 act=relu stem=2,1,2 blocks=1,1,1,1 gate=hardsigmoid
    ese_vovnet39b ec17a246a8237234 act=relu stem=2,1,2 blocks=1,1,2,2 residual gate=hardsigmoid
    ese_vovnet39b_evos 25d4be210cb73272 act=silu stem=2,1,2 blocks=1,1,2,2 evolved-groups=32 evolved-eps=1e-05 residual gate=hardsigmoid
    ese_vovnet57b a53ca3752b78a759 act=relu stem=2,1,2 blocks=1,1,4,3 residual gate=hardsigmoid
    ese_vovnet99b 92339277745aa0ff act=relu stem=2,1,2 blocks=1,3,9,3 residual gate=hardsigmoid
    vovnet39a ff84934b01fd1fd5 act=relu stem=2,1,2 blocks=1,1,2,2
    vovnet57a 02a81cee100a321a act=relu stem=2,1,2 blocks=1,1,4,3
    """)
}
