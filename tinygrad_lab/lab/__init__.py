"""The lab: where both sides meet. The only part of the package that may import torch, and only when it is used."""
