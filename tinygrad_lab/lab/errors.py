"""Errors that are the user's to mend: printed as one line, exit code 2; and an author's, which fail a check."""


class UsageError(Exception):
    """A wrong name, option or file; the message says what it was and what it must be."""


class SlipError(Exception):
    """A paper's author has left something out or named it differently; the message says which side, file and line."""


class StoppedError(Exception):
    """A run was asked to stop, or must not go on; the message says where it stands and how to go on.

    Attributes:
        code: what the command exits with: 130 after Ctrl-C, 143 after SIGTERM, 1 where the run itself has failed.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code
