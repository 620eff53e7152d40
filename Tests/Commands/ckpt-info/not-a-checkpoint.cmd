ckpt-info Tests/Commands/data/text.txt
