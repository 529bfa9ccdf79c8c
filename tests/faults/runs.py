"""Many instants, which no test has time for.

python -m tests.faults.runs 30          three papers, both sides, stopped at 30 instants; commands killed 25 times
python -m tests.faults.runs 30 100      ... killed 100 times
"""

import sys
import tempfile
import warnings
from pathlib import Path
from random import Random

from tests.faults.instants import CASES, everything, go_through, new, random_instant
from tests.faults.kills import COMMANDS
from tinygrad_lab.lab import console


def stop_runs(count: int, folder: Path, draw: Random) -> int:
    """Print a line for each paper and side; how many runs did not end as the one that was never stopped."""
    bad = 0
    for slug in CASES:
        for side in ("numpy", "torch"):
            run = new(slug, side, folder / slug / side / "whole")
            run.run()
            whole, stops, differing = everything(run), 0, 0
            for number in range(count):
                place, stop = folder / slug / side / str(number), 0
                while not stop:  # some instants lie after the end
                    instant = random_instant(draw, side)
                    stop, found = go_through(slug, side, place / str(instant), [instant], whole)
                stops += stop
                differing += bool(found)
                if found:
                    print(f"{slug} {side} {instant}: {', '.join(found)}")
            print(f"{slug:12} {side:6} {stops} stops, {stops - differing} runs went on to the same bits", flush=True)
            bad += differing
    return bad


def kill_commands(count: int, folder: Path, draw: Random) -> None:
    """Print a line for each command; a file that is not whole raises."""
    for name, kill in COMMANDS.items():
        place = folder / name.replace(" ", "-")
        place.mkdir()
        print(f"{name:15} {kill(place, count, draw)} kills, {count} in time; nothing torn, nothing refused", flush=True)


def main() -> None:
    """As the command line says; fails if anything was lost."""
    stops, kills = ([int(word) for word in sys.argv[1:]] + [25])[:2]
    console.stderr.quiet = True
    warnings.filterwarnings("ignore")  # torch wonders who wraps its optimiser; forks
    with tempfile.TemporaryDirectory() as folder:
        bad = stop_runs(stops, Path(folder), Random(stops))
        kill_commands(kills, Path(folder), Random(kills))
    sys.exit(bool(bad))


if __name__ == "__main__":
    main()
