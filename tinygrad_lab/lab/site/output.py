"""The folder of a site: made anew as a whole, and never over anybody else's files."""

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.lab.site.library import ROOT

MANIFEST = ".tinygrad-lab-site.json"  # names of the files that the site consists of


def output_folder(out: Path | None) -> Path:
    """Where the site goes: ``out``, or ``site/`` in a checkout.

    Raises:
        UsageError: neither.
    """
    if out is None and not (ROOT / "pyproject.toml").exists():
        raise UsageError("read writes the site into the checkout, and this is none: pass --out FOLDER")
    return out or ROOT / "site"


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder to build in; when the block ends well its files become the site in ``out``, in place of an earlier one.

    Raises:
        UsageError: ``out`` is not empty and no earlier site, or not writable.
    """
    existed = out.exists()
    old = _earlier_site(out)
    try:
        out.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".building-", dir=out))
    except OSError as error:
        raise UsageError(f"--out: cannot write into {out}: {error.strerror}") from error
    try:
        yield staging
        _replace(old, staging, out)
    finally:
        shutil.rmtree(staging, ignore_errors=True)
        if not existed and not any(out.iterdir()):
            out.rmdir()


def _earlier_site(out: Path) -> list[Path]:
    """The files of the site that is in ``out``."""
    if not out.exists() or (out.is_dir() and not any(out.iterdir())):
        return []
    if not out.is_dir():
        raise UsageError(f"--out: {out} is not a folder")
    try:
        names = json.loads((out / MANIFEST).read_text(encoding="utf-8"))["files"]
        files = [(out / name).resolve() for name in names]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"--out: {out} is not empty, and what is there is no site of ours; nothing changed") from error
    return [file for file in files if out.resolve() in file.parents and file.is_file()]


def _replace(old: list[Path], staging: Path, out: Path) -> None:
    """Put the new files in the place of the old ones; other people's files stay, and stop us if they are in the way."""
    new = sorted(path.relative_to(staging) for path in staging.rglob("*") if path.is_file())
    in_the_way = [name for name in new if (out / name).exists() and (out / name).resolve() not in old]
    if in_the_way:
        raise UsageError(f"--out: {out / in_the_way[0]} is in the way and no file of ours; nothing changed")
    for file in old:
        file.unlink()
    for name in new:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (staging / name).replace(out / name)
    for folder in sorted({file.parent for file in old}, key=lambda path: -len(path.parts)):
        if folder != out.resolve() and folder.is_dir() and not any(folder.iterdir()):
            folder.rmdir()
    names = {"files": [*map(str, new), MANIFEST]}
    (out / MANIFEST).write_text(json.dumps(names, indent=1) + "\n", encoding="utf-8")
