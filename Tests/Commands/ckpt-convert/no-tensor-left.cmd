ckpt-convert Tests/Commands/data/small-1.safetensors --include nothing -o /dev/null
