ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/small-2.safetensors --verbose --threads 2 -o /dev/null
