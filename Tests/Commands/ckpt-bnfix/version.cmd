ckpt-bnfix --version
