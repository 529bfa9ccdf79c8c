"""The Transformer (Vaswani et al. 2017) in PyTorch."""
