ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/truncated.safetensors -o /dev/null
