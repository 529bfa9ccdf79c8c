"""The exercises, a family in each file: the right answer, the cases it is tried at, and the classic slips."""
