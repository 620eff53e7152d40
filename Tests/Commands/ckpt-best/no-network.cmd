ckpt-best Tests/Commands/data/small-1.safetensors Tests/Commands/data/small-2.safetensors --train fixtures/digits/train --val fixtures/digits/val
