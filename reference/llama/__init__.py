"""LLaMA in PyTorch."""
