ckpt-bnfix --help
