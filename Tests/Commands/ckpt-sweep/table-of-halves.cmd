ckpt-sweep fixtures/run/epoch-104.safetensors --data fixtures/digits/val --limit 100 --resize 54,64 --crop 48 --select half
