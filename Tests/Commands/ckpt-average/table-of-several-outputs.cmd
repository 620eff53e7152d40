ckpt-average --series fixtures/run --method ema --decay 0.5,0.9 --dry-run --threads 2 -o ema-{decay}.safetensors
