"""The table of every operation: importing this package fills ``CASES``."""

import importlib
import pkgutil

from tests.cases.case import CASES, Case

for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")

__all__ = ["CASES", "Case"]
