ckpt-fixres --version
