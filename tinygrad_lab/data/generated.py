"""What is known of data that is drawn when it is wanted."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Generated:
    """Generated sequences.

    Args:
        name: of the task.
        items: how many.
        checksum: the SHA-256 of a sample: another one tells that sequences are drawn otherwise now.
    """

    name: str
    items: int
    checksum: str

    def __len__(self) -> int:
        """Sequences."""
        return self.items
