ckpt-convert Tests/Commands/data/truncated.safetensors -o /dev/null
