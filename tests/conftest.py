"""Run-time shape checks for everything under test, and the hypothesis profiles."""

import os

from hypothesis import HealthCheck, settings
from jaxtyping import install_import_hook

install_import_hook(["tinygrad_lab", "papers"], "beartype.beartype")

slow_ok = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=10, **slow_ok)
settings.register_profile("ci", max_examples=30, derandomize=True, **slow_ok)
settings.register_profile("thorough", max_examples=500, **slow_ok)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
