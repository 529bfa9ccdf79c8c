"""LoRA, low-rank adaptation (Hu, Shen, Wallis, Allen-Zhu, Li, Wang, Wang, Chen 2021), in PyTorch."""
