"""The folder of a site: made anew as a whole, and never over anybody else's files."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from fnmatch import fnmatch
from pathlib import Path

from tinygrad_lab import files
from tinygrad_lab.lab.errors import UsageError
from tinygrad_lab.places import HOME

MANIFEST = ".tinygrad-lab-site.json"  # names of the files that the site consists of
STAGING = ".building-"  # begins the name of a folder in which a site is built


def output_folder(out: Path | None) -> Path:
    """Where the site goes: ``out``, or ``site/`` in a checkout.

    Raises:
        UsageError: neither.
    """
    if out is None and not (HOME / "pyproject.toml").exists():
        raise UsageError("read writes the site into the checkout, and this is none: pass --out FOLDER")
    return out or HOME / "site"


@contextmanager
def staged(out: Path) -> Iterator[Path]:
    """A folder to build in; when the block ends well its files become the site in ``out``, in place of an earlier one.

    A process that is killed leaves a folder that the next one recognises: what it was building is cleared away, and
    from before the first page is exchanged the manifest names the old pages and the new ones.

    Raises:
        UsageError: ``out`` is not empty and no earlier site, or in use, or not writable.
    """
    _earlier_site(out)
    with ExitStack() as stack:
        try:
            stack.enter_context(files.alone(out))
            staging = _staging_folder(out)
        except files.InUseError as error:
            raise UsageError(f"--out: {error}") from error
        except OSError as error:
            raise UsageError(f"--out: cannot write into {out}: {error.strerror}") from error
        stack.callback(shutil.rmtree, staging, ignore_errors=True)
        yield staging
        _replace(_earlier_site(out), staging, out)


def _staging_folder(out: Path) -> Path:
    """A new folder to build in; those of killed processes are cleared away."""
    for remains in out.glob(f"{STAGING}*"):
        shutil.rmtree(remains)
    return Path(tempfile.mkdtemp(prefix=STAGING, dir=out))


def _is_ours(entry: Path) -> bool:
    """Whether an entry of a site's folder is something that a process works with, or was killed over.

    Known by its name: whoever is killed while he clears a folder away leaves any part of it.
    """
    return any(fnmatch(entry.name, name) for name in (f"{STAGING}*", files.LOCK, files.UNFINISHED.format("*")))


def _earlier_site(out: Path) -> list[Path]:
    """The files of the site that is in ``out``."""
    if not out.exists() or (out.is_dir() and all(map(_is_ours, out.iterdir()))):
        return []
    if not out.is_dir():
        raise UsageError(f"--out: {out} is not a folder")
    try:
        names = json.loads((out / MANIFEST).read_text(encoding="utf-8"))["files"]
        listed = [(out / name).resolve() for name in names]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UsageError(f"--out: {out} is not empty, and what is there is no site of ours; nothing changed") from error
    return [file for file in listed if out.resolve() in file.parents and file.is_file()]


def _replace(old: list[Path], staging: Path, out: Path) -> None:
    """Put the new files in the place of the old ones; other people's files stay, and stop us if they are in the way."""
    new = sorted(path.relative_to(staging) for path in staging.rglob("*") if path.is_file())
    in_the_way = [name for name in new if (out / name).exists() and (out / name).resolve() not in old]
    if in_the_way:
        raise UsageError(f"--out: {out / in_the_way[0]} is in the way and no file of ours; nothing changed")
    os.sync()  # at once, where each of some hundred pages would take its time
    kept = {file.relative_to(out.resolve()) for file in old}
    _write_manifest(out, sorted({*new, *kept}))
    _remove(sorted(kept - {*new, Path(MANIFEST)}), out)  # a folder may be where one of them was
    for name in new:
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        (staging / name).replace(out / name)
    _write_manifest(out, new)


def _remove(names: list[Path], out: Path) -> None:
    """Remove files, and the folders that are empty without them."""
    for name in names:
        (out / name).unlink()
        with suppress(OSError):  # not empty
            for folder in (out / name).parents:
                if folder == out:
                    break
                folder.rmdir()


def _write_manifest(out: Path, names: list[Path]) -> None:
    listed = {"files": [*(str(name) for name in names if name != Path(MANIFEST)), MANIFEST]}
    files.write(out / MANIFEST, json.dumps(listed, indent=1) + "\n")
