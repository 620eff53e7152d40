ckpt-bnfix fixtures/run/epoch-104.safetensors --data fixtures/digits/val --require better -o /dev/null
