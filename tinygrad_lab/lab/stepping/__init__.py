"""The stepper: one trace of a paper or of an expression, shown as a page, in a terminal or as text."""
