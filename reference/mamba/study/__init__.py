"""What the study of Mamba's claims trains in PyTorch beside Mamba."""
