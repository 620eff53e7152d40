ckpt-bnfix fixtures/run/epoch-104.safetensors --data fixtures/digits/val --layers nothing -o /dev/null
