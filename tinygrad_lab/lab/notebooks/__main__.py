"""python -m tinygrad_lab.lab.notebooks [SLUG...]: write and run the notebooks (make notebooks)."""

import sys

from tinygrad_lab.lab import notebooks, registry
from tinygrad_lab.lab.notebooks import running


def main(slugs: list[str]) -> None:
    """Write the named papers' notebooks, or all."""
    folder = notebooks.folder()
    folder.mkdir(exist_ok=True)
    with running.kernel(folder) as kernel:
        for slug in slugs or registry.discover():
            source = notebooks.script(registry.find(slug))
            (folder / f"{slug}.py").write_text(source, encoding="utf-8")
            notebook = running.notebook(source)
            running.run(notebook, kernel)
            running.save(notebook, folder / f"{slug}.ipynb")
            sys.stdout.write(f"notebooks/{slug}.ipynb\n")


main(sys.argv[1:])
