ckpt-info stats Tests/Commands/data/nan.safetensors
