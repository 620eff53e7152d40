ckpt-sweep fixtures/run/epoch-104.safetensors --data fixtures/digits/val --limit 60 --crop 48 --interpolation bilinear,bicubic
