"""LeNet-5 (LeCun, Bottou, Bengio, Haffner 1998) in PyTorch."""
