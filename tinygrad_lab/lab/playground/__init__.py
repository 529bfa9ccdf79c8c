"""The playground: one page in which an expression is typed, its numbers are changed, and all gradients follow at once."""
