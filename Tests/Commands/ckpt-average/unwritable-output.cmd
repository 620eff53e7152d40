ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/small-2.safetensors -o Tests/Commands/data/none/out.safetensors
