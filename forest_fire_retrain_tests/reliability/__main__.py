"""`python -m forest_fire_retrain_tests.reliability`: inject faults into real processes and count violations."""

import argparse
import json
import os
import shutil
import sys
import tempfile
from pathlib import Path

CAMPAIGNS = (
    *("crash", "instants", "ranges", "orders", "sabotage", "concurrency", "mixed", "replay", "faults"),
    *("tampering", "verdicts", "weights"),
)
ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "RAYON_NUM_THREADS")


def main() -> int:
    """Run what was asked for, print the table; exit code 1 if anything did not hold."""
    asked = _parse()
    for name in ONE_THREAD:
        os.environ.setdefault(name, "1")  # pools that are made on import are threads, and threads forbid forking
    from forest_fire_retrain_tests.reliability.campaigns import run_campaigns  # noqa: PLC0415 - after the above

    work = Path(tempfile.mkdtemp(prefix="forest_fire_reliability_", dir=asked.work))
    names = CAMPAIGNS if asked.campaign == "all" else (asked.campaign,)
    try:
        tallies = run_campaigns(
            names,
            work,
            n_rounds=asked.rounds,
            n_slots=asked.cores,
            quick=asked.quick,
            order=asked.order,
            seed=asked.seed,
        )
    finally:
        if not asked.keep:
            shutil.rmtree(work, ignore_errors=True)
    if asked.json:
        asked.json.write_text(json.dumps([tally._asdict() for tally in tallies], indent=2))
    _print(tallies)
    return 1 if any(tally.violations for tally in tallies) else 0


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="reliability", description=__doc__)
    parser.add_argument("campaign", choices=(*CAMPAIGNS, "all"))
    parser.add_argument("--rounds", type=int, help="instants, rounds or replays; as in docs/reliability.md by default")
    parser.add_argument("--order", default="", help="of campaign orders only those whose name begins so")
    parser.add_argument("--seed", type=int, default=18, help="of campaign orders another draw of instants")
    parser.add_argument("--cores", type=int, default=2, help="trials at once")
    parser.add_argument("--json", type=Path, help="file for the figures")
    parser.add_argument("--quick", action="store_true", help="the reduced version that the slow tests run")
    parser.add_argument("--work", type=Path, help="folder for the homes, on a file system of your choice")
    parser.add_argument("--keep", action="store_true", help="leave the homes for looking at")
    return parser.parse_args()


def _print(tallies: list) -> None:  # type: ignore[type-arg] # of Tally, which is imported late
    from forest_fire_retrain.cli.console import print_table  # noqa: PLC0415 - after the threads were limited

    columns = ("what", "faults injected", "violations", "took", "of these")
    print_table("Reliability", columns, [tally.as_row for tally in tallies])


if __name__ == "__main__":
    sys.exit(main())
