ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/small-2.safetensors --method weights --weights 1 -o /dev/null
