"""The engine's own operations: tests register a few more for a while."""

from tinygrad_lab.ops.operation import OPERATIONS

ENGINE_OPERATIONS = [name for name, info in OPERATIONS.items() if info.body.__module__.startswith("tinygrad_lab.")]
