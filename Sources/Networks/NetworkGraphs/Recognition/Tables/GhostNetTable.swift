// swift-format-ignore-file
// Written by Tests/Interop/make_published_tables.py with torchvision 0.29.2+cu132 and timm
// 1.0.31: see `PublishedTable`.

extension GhostNet {
  static let table = PublishedTable(heads: [["classifier"]], resizable: [], """
    ghostnet_050 03249f9ec7a65ea0 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    ghostnet_100 bbcdde1889ce345a blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    ghostnet_130 8662735f3fe07a22 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    ghostnetv2_100 5a0991a81a7f6474 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    ghostnetv2_130 8de1f34c4aefef15 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    ghostnetv2_160 2ed9acc27e0a91e0 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    ghostnetv3_050 0091e2bff64c76f1 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    ghostnetv3_100 fe2e786632528128 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    ghostnetv3_130 cfb93635ff9f716e blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    ghostnetv3_160 a9c6db85d6f6f1e1 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    repghostnet_050 bd8ed44287e51208 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    repghostnet_058 a2355a4a2f08c426 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    repghostnet_080 959c8879f26b3074 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    repghostnet_100 a8b12e82a9e3dbff blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    repghostnet_111 8a5807e55c93b6cf blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    repghostnet_130 92253e1abd9bce98 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    repghostnet_150 1e77eb5ba92254d6 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    repghostnet_200 4964af2860b87815 blocks=1,1,1,1,1,1,5,1,4,1 gate-act=relu gate=hardsigmoid
    """)
}
