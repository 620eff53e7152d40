ckpt-bnfix fixtures/run/epoch-104.safetensors --data fixtures/digits/val --num-images 64 --verbose --threads 2 -o /dev/null
