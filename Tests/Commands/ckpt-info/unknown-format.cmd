ckpt-info Tests/Commands/data/small-1.safetensors --format nonsense
