ckpt-convert Tests/Commands/data/text.txt -o /dev/null
