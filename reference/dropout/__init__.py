"""Dropout (Srivastava, Hinton, Krizhevsky, Sutskever, Salakhutdinov 2014) in PyTorch."""
