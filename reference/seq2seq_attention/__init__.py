"""Sequence to sequence with attention (Luong, Pham, Manning 2015) in PyTorch."""
