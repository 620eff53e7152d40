ckpt-convert -o /dev/null
