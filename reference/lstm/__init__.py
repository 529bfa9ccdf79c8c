"""Long short-term memory (Hochreiter, Schmidhuber 1997), with the forget gate of Gers et al. 2000, in PyTorch."""
