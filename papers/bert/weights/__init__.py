"""Published weights: their names, and the sentence embedder all-MiniLM-L6-v2."""
