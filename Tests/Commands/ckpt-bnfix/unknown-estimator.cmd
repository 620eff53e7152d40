ckpt-bnfix fixtures/run/epoch-104.safetensors --data fixtures/digits/val --estimator nonsense -o /dev/null
