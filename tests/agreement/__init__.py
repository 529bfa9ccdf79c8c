"""torch's own samples for every name that the engine shares with torch, on both sides: ``python -m tests.agreement``."""
