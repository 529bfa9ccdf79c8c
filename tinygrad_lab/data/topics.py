"""The embedded text: the help texts on the language that come with Python, about 465,000 characters of English.

They differ a little from one version of Python to the next, so results record the checksum of what was read.
"""

NAME = "topics"
ASCII = str.maketrans(
    {"–": "-", "—": "-", "‘": "'", "’": "'", "“": '"', "”": '"', "…": "...", "°": " degrees", "ß": "ss"}
)


def load_topics() -> str:
    """Return all topics in alphabetical order, with typographic characters in plain ASCII."""
    from pydoc_data.topics import topics  # a large module: only when it is wanted

    text = "\n\n".join(topics[name].strip() for name in sorted(topics))
    return text.translate(ASCII).encode("ascii", "ignore").decode()
