"""Errors that are the user's to mend: printed as one line, exit code 2; and an author's, which fail a check."""


class UsageError(Exception):
    """A wrong name, option or file; the message says what it was and what it must be."""


class SlipError(Exception):
    """A paper's author has left something out or named it differently; the message says which side, file and line."""
