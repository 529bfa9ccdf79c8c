"""``tinygrad-lab read``: the papers as a static site that needs no network.

Every page is made from what is there: the registry, the sources, the notes, the stored results, and runs made while
building: parity for the agreement of each block, a recorded forward pass for the drawings and the counts.
"""

from tinygrad_lab.lab.site.build import build, build_all
from tinygrad_lab.lab.site.output import output_folder
from tinygrad_lab.lab.site.serve import serve

__all__ = ["build", "build_all", "output_folder", "serve"]
