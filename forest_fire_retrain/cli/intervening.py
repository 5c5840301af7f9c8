"""Commands that a person intervenes with: thin over `operations`, which writes the ledger and publishes it."""

import datetime as dt
import sys

import typer

from forest_fire_retrain import operations, proofs, verification
from forest_fire_retrain.cli.console import out, print_json, stamp_now
from forest_fire_retrain.core.errors import ForestFireRetrainError, RefusedRequestError
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.installation import Installation, PublishedLedger, build_installation, build_ledger
from forest_fire_retrain.pipeline.custody.rolling_back import Rollback, describe_repeated
from forest_fire_retrain.pipeline.custody.standing_orders import describe_freeze, freeze_that_holds, window_of_days
from forest_fire_retrain.settings import Settings


def roll_champion_back(settings: Settings, to_version: int | None, reason: str, freeze_until: dt.date | None) -> None:
    """Take an earlier version back into production.

    Raises
    ------
    ForestFireRetrainError
        If that cannot be done; the message says whether anything was changed.
    """
    done = operations.roll_back(
        build_installation(settings),
        to_version=to_version,
        reason=reason,
        freeze_until=freeze_until,
        stamp=stamp_now(),
    )
    _show_in_dagster(settings, done)
    if done.is_repeated:
        out.print(describe_repeated(done), markup=False)
    out.print(f"Version {done.to_version} is champion, version {done.from_version} is quarantined.", markup=False)
    if done.cost is not None:
        out.print(done.cost, markup=False)
    _print_freeze(settings, asked=freeze_until)


def _show_in_dagster(settings: Settings, done: Rollback) -> None:
    """Let the page of `registry_state` say it; where Dagster's store cannot be written, the rollback stands anyway."""
    from forest_fire_retrain.cli.home import open_instance  # noqa: PLC0415 - a second, for this command alone
    from forest_fire_retrain.cli.running import foreseeable_faults_bare  # noqa: PLC0415 - as above
    from forest_fire_retrain.defs.rollback_report import observe_rollback  # noqa: PLC0415 - as above

    try:
        with foreseeable_faults_bare(), open_instance(settings) as instance:
            instance.report_runless_asset_event(observe_rollback(done))
    except ForestFireRetrainError as error:
        out.print(f"Dagster does not show the rollback: {error}", markup=False)


def freeze_promotions(settings: Settings, until: dt.date, reason: str) -> None:
    """Keep the champion until a day; another freeze that held until now is named."""
    published = build_ledger(settings)
    before = freeze_that_holds(_state_of(published))
    entry = operations.freeze(published, until=until, reason=reason, stamp=stamp_now())
    out.print(entry.summary)
    if before not in (None, until):
        out.print(f"The freeze until {before} holds no longer: the later order counts.")
    _print_freeze(settings, asked=until)


def _print_freeze(settings: Settings, *, asked: dt.date | None) -> None:
    """Say until when promotions are frozen now, as the ledger has it; and whether an earlier order is why."""
    state = _state_of(build_ledger(settings))
    is_earlier = freeze_that_holds(state) not in (None, asked)
    out.print(describe_freeze(state) + (" An earlier order says so." if is_earlier else ""))


def _state_of(published: PublishedLedger) -> LedgerState:
    return published.ledger.state(published.model_name)


def unfreeze_promotions(settings: Settings, reason: str) -> None:
    """Lift the freeze."""
    entry = operations.unfreeze(build_ledger(settings), reason=reason, stamp=stamp_now())
    out.print(entry.summary, markup=False)


def clear_suspect_labels(settings: Settings, first: dt.date, last: dt.date, reason: str) -> None:
    """Vouch for the fire reports from `first` to `last`, both included."""
    window = window_of_days(first, last)
    entry = operations.clear_labels(build_ledger(settings), window=window, reason=reason, stamp=stamp_now())
    out.print(entry.summary, markup=False)


def accept_other_source(settings: Settings, reason: str) -> None:
    """Let the configured source follow the one whose rows the home holds."""
    entry = operations.accept_source(build_installation(settings), reason=reason, stamp=stamp_now())
    out.print(entry.summary, markup=False)


def accept_smaller_delivery(settings: Settings, reason: str) -> None:
    """Let the source say less than it did."""
    entry = operations.accept_delivery(build_installation(settings), reason=reason, stamp=stamp_now())
    out.print(entry.summary, markup=False)


def refuse_nothing(installation: Installation) -> None:
    """Refuse to call a place sound in which nothing was ever decided.

    Raises
    ------
    RefusedRequestError
        If ledger, copy and registry are empty.
    """
    settings = installation.settings
    is_known = settings.ledger_file.exists() or any(settings.export_folder.glob("*.parquet"))
    if not is_known and not installation.registry.versions(settings.model_name):
        msg = f"there is nothing to verify in {settings.home}: nothing was decided yet. Start with: forest-fire up"
        raise RefusedRequestError(msg)


def verify_all(
    settings: Settings,
    *,
    with_repair: bool,
    as_json: bool,
    is_deep: bool = False,
    kept: str | None = None,
    public_key: str | None = None,
) -> None:
    """Print every fault, one line each; exit code 1 if one remains.

    Parameters
    ----------
    settings : Settings
        The installation.
    with_repair, as_json, is_deep : bool
        Whether what is safe is carried out; whether JSON is printed; whether the rows and models of all decisions are
        read.
    kept, public_key : str, optional
        Checkpoints that the ledger has to continue, and the key that they are signed by.

    Raises
    ------
    typer.Exit
        With code 1, if a fault remains.
    """
    installation, stamp = build_installation(settings), stamp_now()
    refuse_nothing(installation)
    published = installation.published_ledger
    proved, contradicted = ([], []) if kept is None else proofs.check_checkpoints(published, kept, public_key)
    tell = _show_progress if is_deep else None
    faults = verification.find_faults(installation, stamp, tell=tell)
    repaired = verification.repair_faults(installation, faults, stamp) if with_repair else None
    if repaired is not None:
        faults = verification.find_faults(installation, stamp, tell=tell)
    faults = [*contradicted, *faults]
    if contradicted:
        verification.note_verification(installation, faults, stamp)
    done = None if repaired is None else repaired.summary
    clocks = None if any(fault.where == "ledger" for fault in faults) else verification.describe_clocks(installation)
    if as_json:
        print_json(
            {
                "faults": [fault._asdict() for fault in faults],
                "repaired": done,
                **({} if clocks is None else {"note": clocks}),
                **({} if kept is None else {"proved": proved}),
            }
        )
    else:
        notes = [] if clocks is None else [f"Note: {clocks}."]
        sound = [] if faults else ["No fault: ledger, registry, copy, models and lake agree."]
        proofs_shown = [f"Proved: {sentence}" for sentence in proved]
        for line in [*filter(None, [done]), *proofs_shown, *notes, *map(str, faults), *sound]:
            out.print(line, markup=False)
    if faults:
        raise typer.Exit(1)


def _show_progress(sentence: str) -> None:
    """On the error stream: what a command answers stands alone on the other."""
    print(sentence, file=sys.stderr)  # noqa: T201 - beside the answer
