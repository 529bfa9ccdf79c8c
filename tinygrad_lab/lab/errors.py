"""Errors that are the user's to mend: printed as one line, exit code 2."""


class UsageError(Exception):
    """A wrong name, option or file; the message says what it was and what it must be."""
