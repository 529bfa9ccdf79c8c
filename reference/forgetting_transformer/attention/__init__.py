"""What softmax attention keeps of earlier tokens, and the linear attention that keeps a state instead."""
