ckpt-fixres fixtures/run/epoch-104.safetensors --data fixtures/digits/val --val fixtures/digits/test --limit 200 --epochs 1 --lr 1e-4 -o /dev/null
