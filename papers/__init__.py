"""The papers on the NumPy engine, one folder each. Never imports torch."""
