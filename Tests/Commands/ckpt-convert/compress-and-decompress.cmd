ckpt-convert Tests/Commands/data/small-1.safetensors --compress --decompress -o /dev/null
