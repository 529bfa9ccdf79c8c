"""torch's own samples for every name that both sides have, run on both sides: ``python -m tests.agreement``."""
