ckpt-average Tests/Commands/data/small-1.safetensors Tests/Commands/data/small-2.safetensors --best 1 --metrics Tests/Commands/data/scores.tsv --mode max --dry-run --threads 2
