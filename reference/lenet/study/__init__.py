"""What the study of LeNet-5 trains in PyTorch beside LeNet-5."""
