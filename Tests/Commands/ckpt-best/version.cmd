ckpt-best --version
