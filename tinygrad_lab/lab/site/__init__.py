"""``tinygrad-lab read``: the papers as a static site that needs no network.

Every page is made from what is there: the registry, the sources, the notes, the stored results, and runs made while
building: parity for the agreement of each block, a recorded forward pass for the diagrams and the counts.
"""

from tinygrad_lab.lab.site.build import build

__all__ = ["build"]
