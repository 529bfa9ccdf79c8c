"""Mamba in PyTorch."""
