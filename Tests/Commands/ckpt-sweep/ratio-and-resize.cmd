ckpt-sweep fixtures/run/epoch-104.safetensors --data fixtures/digits/val --resize 64 --ratio 0.9
