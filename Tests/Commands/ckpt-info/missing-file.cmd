ckpt-info Tests/Commands/data/none.safetensors
