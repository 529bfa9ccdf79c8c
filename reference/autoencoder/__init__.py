"""Deep autoencoders (Hinton, Salakhutdinov 2006), with the denoising and the variational one, in PyTorch."""
