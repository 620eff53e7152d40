ckpt-info verify Tests/Commands/data/small-1.safetensors Tests/Commands/data/truncated.safetensors Tests/Commands/data/text.txt
