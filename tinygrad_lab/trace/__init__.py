"""Watching the engine work: every operation, forwards and backwards, with its numbers.

with record():
    loss = (w * x + b).relu()
for step in trace(loss):
    print(step)
"""

from tinygrad_lab.trace.record import Recorder, record, trace
from tinygrad_lab.trace.steps import Backward, Contribution, Forward, Input, Trace, Value

__all__ = ["Backward", "Contribution", "Forward", "Input", "Recorder", "Trace", "Value", "record", "trace"]
