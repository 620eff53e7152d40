ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/small-2.safetensors --decay 0.9 -o /dev/null
