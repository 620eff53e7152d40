ckpt-convert Tests/Commands/data/small-1.safetensors -o /dev/null
