"""What do runs take? `python benchmarks/budgets.py smoke standard [--keep FOLDER] [--write]`: runs each profile, alone.

The whole command is timed from outside; minutes, and the most memory and disk at a time, by notebook are what the run
kept of itself. Bars: smoke at most 110 seconds in all; standard at most 16 minutes, and 2 GB of memory and of disk;
reading the clock costs under 1 % of the shortest sample. `--keep` leaves the runs in a folder, `--write` puts the
table into docs/budgets.md. Exit status 1 when a bar is not held.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import marks

from carenotes.lab.results.store import Results
from carenotes.lab.runner.measured import measured
from carenotes.lab.statistics.estimates import medians
from carenotes.studies.one_query.ceilings import CLOCK
from carenotes.studies.one_query.experiment import CEILINGS, NOTEBOOK

BARS = {"smoke": (110.0, 2e9), "standard": (960.0, 2e9)}  # seconds, bytes
CLOCK_SHARE = 0.01
HEAD = "| profile | notebook | minutes | memory at most, MB | disk at most, MB |\n| --- | --- | ---: | ---: | ---: |\n"
DOCUMENT = marks.TRUST.with_name("budgets.md")


def rows(profile: str, took: Mapping[str, Mapping[str, float]]) -> list[str]:
    """A notebook a row."""
    return [
        f"| {profile} | {name} | {one['seconds'] / 60:.1f} | {one['memory'] / 1e6:,.0f} | {one['disk'] / 1e6:,.0f} |"
        for name, one in took.items()
    ]


def clock_share(results: Results) -> float:
    """What reading the clock twice takes of the shortest sample of the run."""
    clock = medians(measured(results, NOTEBOOK, CEILINGS).samples)[CLOCK].value
    samples = [results.samples(*key) for key in results.experiments()]
    return float(clock / (min(one[one["part"] == 0]["elapsed_ns"].min() for one in samples) / 1e9))


def run(profile: str, folder: Path) -> float:
    """Run a profile; how many seconds the command took. SystemExit when it fails."""
    began = time.monotonic()
    command = [sys.executable, "-m", "carenotes", "report", "--profile", profile, "--out", str(folder)]
    if subprocess.run(command, check=False).returncode:
        raise SystemExit(f"{profile}: the run failed")
    return time.monotonic() - began


def told(profile: str, folder: Path, seconds: float) -> tuple[list[str], list[str]]:
    """The lines of a profile's table, and the bars that it does not hold."""
    results = Results.read(folder / "results.sqlite")
    took, share = results.took(), clock_share(results)
    longest, most = BARS.get(profile, (float("inf"), float("inf")))
    memory, disk = (max(one[kind] for one in took.values()) for kind in ("memory", "disk"))
    lines = [
        *rows(profile, took),
        f"| {profile} | **the whole command** | {seconds / 60:.1f} | {memory / 1e6:,.0f} | {disk / 1e6:,.0f} |",
        f"| {profile} | reading the clock: {100 * share:.3f} % of the shortest sample | | | |",
    ]
    missed = [f"{profile} takes {seconds:.0f} s, the bar is {longest:.0f}"] * (seconds > longest)
    held = {"memory": memory, "disk": disk}
    missed += [f"{profile}: {name} {used / 1e9:.1f} GB" for name, used in held.items() if used > most]
    return lines, missed + [f"{profile}: the clock takes {100 * share:.1f} %"] * (share > CLOCK_SHARE)


def main() -> int:
    """Print the table, and which bars are held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("profiles", nargs="+")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--write", action="store_true")
    given = parser.parse_args()
    lines, missed = [], []
    with tempfile.TemporaryDirectory() as place:
        for profile in given.profiles:
            folder = (given.keep or Path(place)) / profile
            of_profile, not_held = told(profile, folder, run(profile, folder))
            lines += of_profile
            missed += not_held
    text = HEAD + "\n".join(lines) + f"\n\nMeasured on {marks.machine()}. "
    text += f"Bars not held: {'; '.join(missed)}." if missed else "Every bar is held."
    sys.stdout.write(text + "\n")
    if given.write:
        marks.write(DOCUMENT, "budgets.py", text)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
