ckpt-convert Tests/Commands/data/small-1.safetensors --strip-prefix nothing. -o /dev/null
