"""`status`: what a home shows, and what of it needs a person. It only reads, and never waits for a writer.

It imports neither pandas, SciPy, scikit-learn, MLflow nor Dagster: whoever is on call at night does not wait for those.
"""

import datetime as dt
from pathlib import Path
from typing import NamedTuple

import typer

from forest_fire_retrain.adapters.record_files import RecordFiles
from forest_fire_retrain.adapters.told_notices import ToldNotices
from forest_fire_retrain.adapters.upkeep_notes import read_witnessed
from forest_fire_retrain.cli.console import out, print_facts, print_json
from forest_fire_retrain.clock import read_clock
from forest_fire_retrain.core.errors import HomeError
from forest_fire_retrain.core.ledger.due_periods import list_passed_over, list_waiting
from forest_fire_retrain.core.ledger.row_words import say_freeze
from forest_fire_retrain.core.ledger.state import LedgerState
from forest_fire_retrain.core.matters import Matter
from forest_fire_retrain.core.monitoring.monitor_rule import ActiveMode
from forest_fire_retrain.core.oversight.active_due import SWITCHED_OFF, find_active
from forest_fire_retrain.core.oversight.decision_alerts import alerts_of, find_doubts
from forest_fire_retrain.core.oversight.observed import FailedRun, Observed
from forest_fire_retrain.core.oversight.open_matters import describe_registry, find_open_matters, open_failures
from forest_fire_retrain.core.periods import key_of
from forest_fire_retrain.core.records import INGEST_KIND, IngestReport, Record
from forest_fire_retrain.core.routing.routes import Routing
from forest_fire_retrain.core.serving.mixing import find_mixture, list_members
from forest_fire_retrain.core.serving.shadows import list_shadows
from forest_fire_retrain.core.windows import day_of
from forest_fire_retrain.oversight import find_matters, observe
from forest_fire_retrain.settings import Settings

MAX_NAMED = 5
INGESTED = ("weather", "fires")
MARK = "complete_through"
DAY = dt.timedelta(days=1)
NOTHING = "Nothing needs a person."


def print_matters(settings: Settings, *, as_json: bool) -> None:
    """What needs a person, one line each, as they are: for cron.

    Raises
    ------
    typer.Exit
        With code 1, if there is any.
    """
    matters = find_matters(settings, read_clock())
    if as_json:
        print_json([matter._asdict() for matter in matters])
    else:
        for line in [_on_one_line(matter) for matter in matters] or [NOTHING]:
            out.print(line, markup=False, emoji=False)
    if matters:
        raise typer.Exit(1)


def print_status(settings: Settings, *, as_json: bool) -> None:
    """What is decided, what is waiting, what needs a person, and where everything lies."""
    observed = observe(settings, read_clock())
    facts = {**_facts_of_decisions(settings, observed), **_facts_of_upkeep(settings, observed), **_places(settings)}
    if as_json:
        told = {**facts, "matters": find_open_matters(observed)}
        print_json({name: _for_programs(fact) for name, fact in told.items()})
        return
    counted = {name: _count(keys) for name, keys in facts.items() if name in ("undecided", "passed_over")}
    frozen = observed.state.frozen_until
    if frozen is not None:
        counted["frozen_until"] = say_freeze(frozen).removeprefix("frozen until ")
    never = {name: "never" for name in ("last_rollback", "last_witness", "last_verify") if facts[name] is None}
    print_facts("Status", {name.replace("_", " "): fact for name, fact in {**facts, **counted, **never}.items()})
    matters = find_open_matters(observed)
    out.print("Needs a person" if matters else NOTHING, style="bold", markup=False)
    for matter in matters:
        out.print(f"  - {_on_one_line(matter)}", markup=False, emoji=False)


class Feed(NamedTuple):
    """What a table holds.

    Attributes
    ----------
    table : str
        Its name.
    until : datetime.date
        The newest day it holds.
    written_at : datetime.datetime
        When it was written last, UTC.
    """

    table: str
    until: dt.date
    written_at: dt.datetime

    def __str__(self) -> str:
        """One line."""
        return f"{self.table} until {self.until}, written {self.written_at.isoformat(timespec='seconds')}"


def _for_programs(fact: object) -> object:
    """With its parts by name, where it has any."""
    if isinstance(fact, list):
        return [_for_programs(part) for part in fact]
    if isinstance(fact, Record):
        return fact.model_dump()
    return fact._asdict() if isinstance(fact, Matter | FailedRun | Feed) else fact


def _on_one_line(matter: Matter) -> str:
    return " ".join(str(matter).split())


def _facts_of_decisions(settings: Settings, observed: Observed) -> dict[str, object]:
    state, last_live = observed.state, observed.last_live
    newest, last = state.newest_partition, state.last_decision
    closed = settings.periods.closed(observed.now)
    alerts = [] if last is None else alerts_of(last)
    if last_live is not None:
        alerts += last_live.describe_alert(settings.max_share_without_weather)
    return {
        "model": settings.model_name,
        "champion": state.champion,
        "last_rollback": _read_last_rollback(state),
        "quarantined": sorted(version for version in state.quarantines if version != state.champion),
        "last_decided": newest,
        "last_decision": None if last is None else last.summary,
        "alerts": alerts,
        "doubted_labels": [doubt.sentence for doubt in find_doubts(state)],
        "data_warnings": [] if newest is None else _read_data_warnings(settings, newest),
        "undecided": [key_of(period) for period in (list_waiting(state, closed) if state.decisions else closed)],
        "passed_over": [key_of(period) for period in list_passed_over(state, closed)],
        "last_predicted_day": "none" if last_live is None else last_live.day,
        "predictions": _describe_look(settings, observed),
        "off_schedule": _describe_active(settings, observed),
        "in_shadow": [str(shadow) for shadow in state.in_shadow],
        "frozen_until": state.frozen_until,
        "shadows": _list_shadows(settings, observed),
        "routing": _describe_routing(settings, observed),
        "open_intent": None if state.open_intent is None else state.open_intent.summary,
    }


def _list_shadows(settings: Settings, observed: Observed) -> list[str]:
    """Who is scored beside the champion today, and why."""
    today = day_of(observed.now, settings.time_zone)
    return [f"{shadow.name}: {shadow.why}" for shadow in list_shadows(observed.state, today, settings.shadow_rules)]


def _describe_routing(settings: Settings, observed: Observed) -> str:
    """Who answers for a day, and with what shares, as far as the ledger says."""
    if settings.routing is Routing.CHAMPION or observed.state.champion is None:
        return str(settings.routing)
    state, today, rules = observed.state, day_of(observed.now, settings.time_zone), settings.shadow_rules
    members = [member.candidate.candidate_id for member in list_members(state, today, rules)]
    found = find_mixture(state, today, rules, members)
    return f"mixture, but the champion alone answers: {found}" if isinstance(found, str) else f"mixture: {found}"


def _read_last_rollback(state: LedgerState) -> str | None:
    """Which version was rolled back from last, for which, by whom and why."""
    last = max(state.quarantines.values(), key=lambda quarantine: quarantine.row, default=None)
    if last is None:
        return None
    return f"{last.since}, from version {last.version} to version {last.successor}, by {last.actor}: {last.reason}"


def _describe_look(settings: Settings, observed: Observed) -> object:
    """The newest look at the champion's predictions, or why there is none."""
    if settings.active is ActiveMode.OFF:
        return "not looked at (FOREST_FIRE_ACTIVE is off)"
    return "not looked at yet" if observed.last_look is None else observed.last_look


def _describe_active(settings: Settings, observed: Observed) -> str:
    """Whether an alarm asks for a candidate between two scheduled ones, or why not."""
    if settings.active is ActiveMode.OFF:
        return SWITCHED_OFF
    periods, cooldown_days = settings.periods, settings.active_cooldown_days
    due = find_active(observed.state, observed.last_look, periods, observed.now, cooldown_days)
    if due.key is None:
        return due.sentence
    if settings.active is ActiveMode.RETRAIN:
        return f"{due.sentence}; the daemon retrains it, or: forest-fire retrain --partition {due.key}"
    return f"{due.sentence}; if you want it: forest-fire retrain --partition {due.key}"


def _facts_of_upkeep(settings: Settings, observed: Observed) -> dict[str, object]:
    return {
        "registry": describe_registry(observed),
        "failed_runs": open_failures(observed),
        "feeds": _read_feeds(settings),
        "last_witness": read_witnessed(settings.export_folder),
        "last_verify": observed.last_verify,
        "alerts_not_taken": _read_silent_channels(settings),
    }


def _read_silent_channels(settings: Settings) -> list[str]:
    """Channels whose last attempt failed, with the reason."""
    try:
        return [str(failure) for failure in ToldNotices(settings.notices_file).failures()]
    except HomeError as error:
        return [str(error)]


def _places(settings: Settings) -> dict[str, object]:
    return {
        "time_zone": settings.time_zone,
        "source": f"{settings.source} {settings.data or ''}".strip(),
        "home": settings.home,
        "ledger": settings.ledger_file,
        "mlflow": settings.tracking_uri if "@" not in settings.tracking_uri else "(address with credentials)",
    }


def _read_feeds(settings: Settings) -> list[Feed]:
    """Per table the newest day that it holds, and when it was written last."""
    if settings.lake_uri is None and not Path(settings.lake_root).is_dir():
        return []
    from forest_fire_retrain.adapters.lake_notes import newest_commit  # noqa: PLC0415 - imports deltalake

    found = {table: newest_commit(settings.lake_root, table) for table in INGESTED}
    return [
        Feed(table, dt.date.fromisoformat(newest.notes[MARK]) - DAY, newest.written_at)
        for table, newest in found.items()
        if newest is not None and MARK in newest.notes
    ]


def _read_data_warnings(settings: Settings, partition_key: str) -> list[str]:
    """What the ingests for a period said that the department has to live with; none where nothing was kept."""
    records = RecordFiles(settings.records_folder)
    texts = (records.newest(INGEST_KIND.format(table=table), partition_key) for table in INGESTED)
    return [said for text in texts if text is not None for said in IngestReport.model_validate_json(text).warnings]


def _count(keys: object) -> str:
    """How many periods, and the first of them by name."""
    assert isinstance(keys, list)  # noqa: S101 - a list of keys, see `print_status`
    if not keys:
        return "none"
    shown = ", ".join(keys[:MAX_NAMED]) + (" …" if len(keys) > MAX_NAMED else "")
    return f"{len(keys)} {'period' if len(keys) == 1 else 'periods'}: {shown}"
