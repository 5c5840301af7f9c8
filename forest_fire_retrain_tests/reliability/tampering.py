"""Take stores back to an older state, rewrite them or delete them, one and two at a time, and see who notices.

Rules
-----
- A home is made twice: as it was after two reigns, and as it is after the third. What is taken back is put there from
  the older one.
- Whoever rewrites does it well: the chain is computed anew over other words or another actor, the copy, the reigns, the
  checkpoint and what the tracking runs keep follow from it, signed with the home's own key.
- `verify`, held against what was kept elsewhere, has to name a fault. Where the ledger was touched, a retraining has to
  be refused before its first row is written.
"""

import shutil
import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from functools import partial
from itertools import combinations, product
from pathlib import Path
from typing import NamedTuple

import pyarrow.parquet as pq

from forest_fire_retrain.adapters.copied_rows import list_parts
from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.ledger_export import CHECKPOINT_FILE, export_ledger, read_checkpoint
from forest_fire_retrain.adapters.ledger_schema import LEDGER_FILE
from forest_fire_retrain.adapters.reigns_file import REIGNS_FILE
from forest_fire_retrain.core.errors import ForestFireRetrainError
from forest_fire_retrain.core.ledger.entries import LedgerEntry, Stamp
from forest_fire_retrain.installation import Installation, build_installation, build_signer
from forest_fire_retrain.operations import publish
from forest_fire_retrain.pipeline.custody.asking_runs import CHECKPOINT_TAG
from forest_fire_retrain.pipeline.custody.promoting import settle
from forest_fire_retrain.proofs import check_checkpoints, witness
from forest_fire_retrain.settings import Settings
from forest_fire_retrain.verification import find_faults
from forest_fire_retrain_tests.example_installation import example_settings
from forest_fire_retrain_tests.example_reigns import EASY, PARK, WEEKS, retrain, stamp_at
from forest_fire_retrain_tests.reliability.processes import run_in_slots
from forest_fire_retrain_tests.reliability.tallies import Tally, Verdict, count_up, read_verdicts

KEPT = "kept.txt"
KEPT_KEY = "kept.pub"
REWRITTEN = "rewritten"
ACTIONS = ("truncated", REWRITTEN, "deleted")
LEDGER = "ledger"
STORES: dict[str, tuple[str, ...]] = {
    LEDGER: ("home/ledger.duckdb",),
    "copy": (f"home/export/{LEDGER_FILE}", "home/export/ledger-*.parquet"),
    "reigns file": (f"home/export/{REIGNS_FILE}",),
    "checkpoint": (f"home/export/{CHECKPOINT_FILE}",),
    "witness kept elsewhere": (KEPT,),
    "MLflow store": ("home/mlflow/mlflow.db",),
    "model folder": ("home/mlflow/artifacts",),
    "lake": ("home/lake",),
    "records": ("home/records",),
}
HARMLESS = {
    ("witness kept elsewhere", "truncated"): "an older checkpoint proves less, and is none of the home's faults",
    ("reigns file", "deleted"): "readers follow the rows of the copy instead",
}
"""What is no fault: nothing that anybody is told is wrong."""

OUTSIDE_ONLY = {LEDGER, "copy", "checkpoint", "MLflow store"}
"""Taken back together, no store of the home knows better: `verify --against` shows it, and a retraining goes on."""

Touched = tuple[tuple[str, str], ...]


class Homes(NamedTuple):
    """The home as it was and as it is, and beside each what was kept of it elsewhere."""

    older: Path
    newer: Path


def tamper_with_stores(slots: tuple[Path, ...], *, quick: bool) -> list[Tally]:
    """Every store and every pair of stores, in every way; reduced, the ledger and one other, both in the same way."""
    began = time.monotonic()
    run_in_slots([_make_homes_in], slots[:1])
    homes = Homes(slots[0] / "older", slots[0] / "newer")
    tried = list_pairs_with_ledger() if quick else list_trials()
    answers = run_in_slots([partial(_try_in, homes=homes, touched=touched) for touched in tried], slots)
    return [count_up("tampering", read_verdicts(answers), time.monotonic() - began)]


def list_trials() -> list[Touched]:
    """What is done to which stores: nothing, each alone, each pair, and all that a home has of its ledger."""
    pairs: list[Touched] = [
        ((one, first), (other, second))
        for one, other in combinations(STORES, 2)
        for first, second in product(ACTIONS, ACTIONS)
    ]
    return [*list_few(), *pairs]


def list_few() -> list[Touched]:
    """Nothing, each store alone, and all that a home has of its ledger."""
    singles: list[Touched] = [((store, action),) for store, action in product(STORES, ACTIONS)]
    files = (LEDGER, "copy", "reigns file", "checkpoint")
    more: list[Touched] = [
        tuple((store, action) for store in stores)
        for stores, action in product((files, (*files, "MLflow store")), ACTIONS)
    ]
    return [(), *singles, *more]


def list_pairs_with_ledger() -> list[Touched]:
    """The ledger and one other store, both in the same way: what somebody would do who knows of one."""
    return [((LEDGER, action), (other, action)) for other, action in product(STORES, ACTIONS) if other != LEDGER]


def make_homes(folder: Path) -> Homes:
    """Three reigns on real stores, and the home as it was after two."""
    homes = Homes(folder / "older", folder / "newer")
    installation = build_installation(_settings(homes.newer / "home"))
    installation.tracker.prepare()
    retrain(installation, WEEKS[:2])
    _publish_and_keep(installation, homes.newer)
    shutil.copytree(homes.newer, homes.older)
    retrain(installation, WEEKS[2:])
    _publish_and_keep(installation, homes.newer)
    return homes


def try_touched(place: Path, homes: Homes, touched: Touched) -> list[str]:
    """Touch a copy of the newer home in `place`, which must not exist; what nobody noticed.

    Nothing at all touched, it is what is said without a reason.
    """
    shutil.copytree(homes.newer, place)
    for store, action in sorted(touched, key=lambda one: one[1] != REWRITTEN):  # forged of what is there
        _touch(place, homes, store, action)
    if touched and all(one in HARMLESS for one in touched):
        return []
    installation = open_home(place)
    if not touched:
        return list(_find(installation, place))
    unnoticed = []
    if not list(_find(installation, place)):
        unnoticed.append("verify says nothing")
    stores = {store for store, _ in touched}
    if LEDGER in stores and not stores >= OUTSIDE_ONLY and not _is_refused(installation):
        unnoticed.append("retrain goes on")
    return unnoticed


def open_home(place: Path) -> Installation:
    """The installation of a home in `place`."""
    return build_installation(_settings(place / "home"))


def describe(touched: Touched) -> str:
    """For people."""
    return " and ".join(f"{store} {action}" for store, action in touched) or "nothing"


def _make_homes_in(slot: Path) -> None:
    make_homes(slot)


def _try_in(slot: Path, *, homes: Homes, touched: Touched) -> Verdict:
    shutil.rmtree(slot / "tried", ignore_errors=True)
    unnoticed = try_touched(slot / "tried", homes, touched)
    return Verdict(describe(touched), unnoticed, f"{len(touched)} store(s):", n_faults=int(bool(touched)))


def _settings(home: Path) -> Settings:
    return example_settings(home, adjudication=EASY, simulator=PARK)


def _publish_and_keep(installation: Installation, place: Path) -> None:
    """As the end of a retraining does, and as a person who keeps a witness elsewhere."""
    rows = publish(installation.published_ledger)
    note = read_checkpoint(installation.settings.export_folder)
    assert note is not None
    installation.tracker.tag_run(str(rows[-2].mlflow_run_id), CHECKPOINT_TAG, note)
    signed = witness(installation.published_ledger)
    with (place / KEPT).open("a", encoding="utf-8") as kept:
        kept.write(f"{signed.note}\n")
    (place / KEPT_KEY).write_text(f"{signed.public_key}\n", encoding="utf-8")


def _find(installation: Installation, place: Path) -> Iterator[str]:
    """What `forest-fire verify --against` says; an error is said too."""
    try:
        yield from (str(fault) for fault in find_faults(installation, _stamp(installation)))
        kept = (place / KEPT).read_text(encoding="utf-8")
        key = (place / KEPT_KEY).read_text(encoding="utf-8")
        yield from (str(fault) for fault in check_checkpoints(installation.published_ledger, kept, key)[1])
    except (ForestFireRetrainError, FileNotFoundError) as error:
        yield str(error)


def _is_refused(installation: Installation) -> bool:
    """Whether what a retraining does before its first row is refused, and no row is written by it."""
    try:
        installation.ledger.refuse_lost_rows()
        settle(installation.ledger, installation.registry, installation.settings.model_name, _stamp(installation))
    except ForestFireRetrainError:
        return True
    return False


def _stamp(installation: Installation) -> Stamp:
    try:
        return stamp_at(installation)
    except ForestFireRetrainError:
        return Stamp(installation.clock(), "ada", "cli")


def _touch(place: Path, homes: Homes, store: str, action: str) -> None:
    if action == REWRITTEN:
        REWRITE[store](place)
        return
    for name in STORES[store]:
        for path in place.glob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()
        for source in homes.older.glob(name) if action == "truncated" else ():
            path = place / source.relative_to(homes.older)
            shutil.copytree(source, path) if source.is_dir() else shutil.copy(source, path)


def _forge(place: Path) -> list[LedgerEntry]:
    """The rows as they would be had somebody else decided first: the chain computed anew."""
    beside = place / "forged.duckdb"
    if not beside.exists():
        forged = DuckDbLedger(beside, patience_seconds=5)
        for row in DuckDbLedger(place / "home/ledger.duckdb", patience_seconds=5).entries():
            forged.append(row.model_copy(update={"actor": "nobody"} if row.sequence == 1 else {}))
    return DuckDbLedger(beside, patience_seconds=5).entries()


def _forge_export(place: Path) -> Path:
    """The whole copy of the forged rows, signed with the home's own key."""
    folder = place / "forged_export"
    if not folder.exists():
        export_ledger(_forge(place), folder, build_signer(_settings(place / "home")))
    return folder


def _rewrite_ledger(place: Path) -> None:
    _forge_export(place)
    shutil.copy(place / "forged.duckdb", place / "home/ledger.duckdb")


def _rewrite_exported(place: Path, *, name: str) -> None:
    for part in list_parts(place / "home/export") if name == LEDGER_FILE else ():
        part.path.unlink()
    shutil.copy(_forge_export(place) / name, place / "home/export" / name)


def _rewrite_kept(place: Path) -> None:
    shutil.copy(_forge_export(place) / CHECKPOINT_FILE, place / KEPT)


def _rewrite_mlflow(place: Path) -> None:
    """Runs keep the forged checkpoint; if the ledger is as it was, they contradict it."""
    note = (_forge_export(place) / CHECKPOINT_FILE).read_text(encoding="utf-8")
    with closing(sqlite3.connect(place / "home/mlflow/mlflow.db")) as store, store:
        store.execute("UPDATE tags SET value = ? WHERE key = ?", (note, CHECKPOINT_TAG))


def _rewrite_models(place: Path) -> None:
    """Every description names another loader."""
    for path in (place / "home/mlflow/artifacts").rglob("MLmodel"):
        path.write_text(path.read_text(encoding="utf-8").replace("mlflow.sklearn", "evil"), encoding="utf-8")


def _rewrite_lake(place: Path) -> None:
    """Every stored file of features says a little less wind, under its old name, and the log its new size."""
    features = place / "home/lake/features"
    for path in features.rglob("*.parquet"):
        rows, before = pq.read_table(path), path.stat().st_size
        name = next(name for name in rows.column_names if name.startswith("wind"))
        column = rows.column(name).to_numpy() * 0.9
        pq.write_table(rows.set_column(rows.column_names.index(name), rows.schema.field(name), [column]), path)
        for log in features.glob("_delta_log/*.json"):
            log.write_text(log.read_text().replace(f'"size":{before}', f'"size":{path.stat().st_size}'))


def _rewrite_records(place: Path) -> None:
    for path in (place / "home/records/decision_page").rglob("*.html"):
        path.write_text(path.read_text(encoding="utf-8").replace("PROMOTED", "KEPT"), encoding="utf-8")


REWRITE: dict[str, Callable[[Path], None]] = {
    LEDGER: _rewrite_ledger,
    "copy": partial(_rewrite_exported, name=LEDGER_FILE),
    "reigns file": partial(_rewrite_exported, name=REIGNS_FILE),
    "checkpoint": partial(_rewrite_exported, name=CHECKPOINT_FILE),
    "witness kept elsewhere": _rewrite_kept,
    "MLflow store": _rewrite_mlflow,
    "model folder": _rewrite_models,
    "lake": _rewrite_lake,
    "records": _rewrite_records,
}
