ckpt-convert Tests/Commands/data/none.safetensors -o /dev/null
