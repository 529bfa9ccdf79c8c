"""The tasks that the variants are trained on, beside those of the papers themselves."""
