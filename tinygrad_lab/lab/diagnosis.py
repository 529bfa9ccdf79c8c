"""x"""
def lines(rows, size, steps, seed):
    return []
