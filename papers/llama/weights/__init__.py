"""Published weights: checkpoints and tokenizers of other people, and how a model is talked to."""
