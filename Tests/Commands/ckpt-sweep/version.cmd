ckpt-sweep --version
