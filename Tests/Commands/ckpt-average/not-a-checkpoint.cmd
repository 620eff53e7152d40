ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/text.txt -o /dev/null
