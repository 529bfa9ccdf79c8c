"""Forgetting Transformer (Lin, Nikishin, He, Courville 2025), in PyTorch."""
