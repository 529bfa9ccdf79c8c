"""The same papers in PyTorch, one folder each. Imports nothing of the engine: a second, independent opinion."""
