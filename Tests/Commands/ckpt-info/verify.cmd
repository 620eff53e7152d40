ckpt-info verify Tests/Commands/data/small-1.safetensors Tests/Commands/data/small-2.safetensors fixtures/goldens/Averaging/tied-1.pt
