ckpt-convert --version
