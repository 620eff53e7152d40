ckpt-info diff Tests/Commands/data/small-1.safetensors
