"""The playground: a page in which an expression is typed, numbers are changed, and all gradients follow at once."""
