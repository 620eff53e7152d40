ckpt-sweep --merge Tests/Commands/data/text.txt
