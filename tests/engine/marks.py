"""How a file of tests says that all of it is about worker processes."""

import sys

import pytest

WITH_WORKERS = [
    pytest.mark.usefixtures("two_workers"),
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere parts are worked on by threads"),
]
