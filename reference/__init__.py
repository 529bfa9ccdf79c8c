"""The same papers in PyTorch, one folder each. Imports nothing of the engine: a second, independent opinion."""

from importlib.util import find_spec

if find_spec("torch") is None:  # with its own name in the error, `python -m` says this in one line, without a traceback
    message = "this needs the extra: pip install 'tinygrad-lab[lab]' (there is no torch here)"
    raise ImportError(message, name=__name__)
