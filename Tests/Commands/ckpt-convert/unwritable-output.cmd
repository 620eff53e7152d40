ckpt-convert Tests/Commands/data/small-1.safetensors -o Tests/Commands/data/none/out.safetensors
