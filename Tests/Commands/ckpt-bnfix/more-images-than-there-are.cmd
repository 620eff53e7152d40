ckpt-bnfix fixtures/run/epoch-104.safetensors --data fixtures/digits/val --num-images 1000 -o /dev/null
