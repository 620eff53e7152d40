ckpt-convert Tests/Commands/data/small-1.safetensors --include ( -o /dev/null
