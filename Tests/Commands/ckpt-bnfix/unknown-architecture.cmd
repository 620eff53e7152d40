ckpt-bnfix fixtures/run/epoch-104.safetensors --data fixtures/digits/val --arch resnet9000 -o /dev/null
