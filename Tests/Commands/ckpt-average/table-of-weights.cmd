ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/small-2.safetensors --method ema --decay 0.9 --dry-run --threads 2
