ckpt-sweep fixtures/run/epoch-104.safetensors --data fixtures/digits/val --crop 48 --limit 20 --plot Tests/Commands/data/none/plot.svg
