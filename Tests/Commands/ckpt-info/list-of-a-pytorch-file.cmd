ckpt-info fixtures/goldens/tied-1.pt
