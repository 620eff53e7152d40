ckpt-info fixtures/goldens/Averaging/tied-1.pt
