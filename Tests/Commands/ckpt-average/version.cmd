ckpt-average --version
