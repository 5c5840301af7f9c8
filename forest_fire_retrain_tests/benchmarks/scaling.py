"""Time, memory and disk of a period by the number of cells; run as a module, it prints one line per park."""

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

WEEKS = ("2024-07-01", "2024-07-08")
MEGABYTE = 1024


def retrain(home: Path, n_cells: int, partition: str) -> float:
    """Seconds that `forest-fire retrain` takes, starting the process included."""
    environment = {
        **os.environ,
        "FOREST_FIRE_HOME": str(home),
        "FOREST_FIRE_SIMULATOR__N_CELLS": str(n_cells),
    }
    command = [str(Path(sys.executable).parent / "forest-fire"), "retrain", "--partition", partition]
    started = time.perf_counter()
    subprocess.run(command, env=environment, check=True, capture_output=True)
    return time.perf_counter() - started


def main() -> None:
    """Retrain two weeks of parks of growing size, and print one line each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cells", type=int, nargs="+", default=[20, 200, 1_000])
    for n_cells in parser.parse_args().cells:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder) / "home"
            first, second = (retrain(home, n_cells, week) for week in WEEKS)
            lake_mb = sum(file.stat().st_size for file in (home / "lake").rglob("*") if file.is_file()) / MEGABYTE**2
        peak_mb = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / MEGABYTE
        print(  # noqa: T201 - a report
            f"{n_cells:>6} cells: first week {first:.1f} s, next week {second:.1f} s, "
            f"largest process so far {peak_mb:.0f} MB, lake {lake_mb:.0f} MB",
            flush=True,
        )


if __name__ == "__main__":
    main()
