ckpt-best Tests/Commands/data/none.safetensors --train fixtures/digits/train --val fixtures/digits/val
