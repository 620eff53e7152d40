ckpt-info --version
