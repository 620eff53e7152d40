ckpt-info diff Tests/Commands/data/small-1.safetensors Tests/Commands/data/small-2.safetensors
