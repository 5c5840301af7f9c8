"""Tell people what is new: what the ledger's copy says since they were told last, and what needs a person.

Dagster's sensors and the command line come through here.

Rules
-----
- Everything that happens in one look ends in bounded time, whatever relays and webhooks do.
- That people cannot be told is never an error of what they are told about: no retraining waits for it or fails by it.
"""

import datetime as dt
import time
from typing import NamedTuple, TypeVar

from forest_fire_retrain.adapters.ledger_export import read_export, refuse_missing_copy
from forest_fire_retrain.adapters.told_notices import ToldNotices
from forest_fire_retrain.core.errors import ConfigurationError, ForestFireRetrainError, HomeError, NotSentError
from forest_fire_retrain.core.matters import Matter, MatterKind
from forest_fire_retrain.core.notices.ledger_notices import notices_of
from forest_fire_retrain.core.notices.notice import Notice, make_notice
from forest_fire_retrain.core.oversight.open_matters import find_open_matters
from forest_fire_retrain.installation import build_channels
from forest_fire_retrain.outgoing import cleared
from forest_fire_retrain.oversight import observe
from forest_fire_retrain.pipeline.alerting.telling import Look, Telling, tell
from forest_fire_retrain.settings import Settings

LONGEST_SECONDS = 30.0
"""After so long nothing more is sent in one look: Dagster gives a sensor a minute."""
WHERE_TO_SET = "set FOREST_FIRE_NOTIFY__FILE, FOREST_FIRE_NOTIFY__SMTP_HOST or FOREST_FIRE_NOTIFY__WEBHOOK_URL"
TEST = "test"

Said = TypeVar("Said", Notice, Matter)


class Notified(NamedTuple):
    """What came of one look: one line per channel; none where another process was telling, or no channel is set."""

    tellings: tuple[Telling, ...]
    why_none: str | None = None

    @property
    def failed(self) -> bool:
        """Whether a channel did not take what it was to be told."""
        return any(telling.failure for telling in self.tellings)

    def __str__(self) -> str:
        """As one line."""
        return "; ".join(map(str, self.tellings)) or self.why_none or "nothing to tell"


def notify(settings: Settings, now: dt.datetime) -> Notified:
    """Tell every configured channel what is new to it.

    Parameters
    ----------
    settings : Settings
        Which home, and which channels.
    now : datetime.datetime
        The present, UTC.

    Raises
    ------
    HomeError
        If there is no home, or it cannot be read or noted what was told: nothing is sent then, for it would be sent
        again and again.
    """
    if not settings.home.is_dir():
        msg = f"there is no home at {settings.home}; correct FOREST_FIRE_HOME, or begin one with: forest-fire up"
        raise HomeError(msg)
    channels, memory = build_channels(settings), ToldNotices(settings.notices_file)
    if not channels:
        return Notified((), f"no channel is configured; {WHERE_TO_SET}")
    deadline = time.monotonic() + LONGEST_SECONDS
    with memory.exclusive() as is_ours:
        if not is_ours:
            return Notified((), "another process is telling")
        told = tell(channels, memory, look_around(settings, now), lambda: time.monotonic() > deadline)
    return Notified(tuple(told))


def look_around(settings: Settings, now: dt.datetime) -> Look:
    """What there is to tell at `now`; what could not be looked at is a matter itself, and nothing is over then."""
    rows, n_rows, matters, faults = None, 0, list[Matter](), list[Matter]()
    try:
        refuse_missing_copy(settings.ledger_file, settings.export_folder)
        entries = read_export(settings.export_folder)
        blocked_limit = settings.decision_rule.alert_blocked_in_a_row
        rows, n_rows = notices_of(entries, settings.model_name, blocked_limit), len(entries)
        matters = find_open_matters(observe(settings, now))
    except ForestFireRetrainError as error:
        faults = [_unread(error)]
    return Look(
        rows=None if rows is None else [_clear(notice) for notice in rows],
        n_rows=n_rows,
        matters=[_clear(matter) for matter in (*matters, *faults)],
        is_whole=not faults,
        model_name=settings.model_name,
        now=now,
    )


def send_test(settings: Settings, now: dt.datetime) -> list[Telling]:
    """Send a notice that means nothing through every configured channel, and say of each whether it was taken.

    Raises
    ------
    ConfigurationError
        If no channel is configured.
    """
    channels = build_channels(settings)
    if not channels:
        msg = f"no channel is configured, so that nobody is told anything; {WHERE_TO_SET} (docs/alerts.md)"
        raise ConfigurationError(msg)
    notice = make_notice(
        kind=TEST,
        key=f"{TEST}/{now.isoformat()}",
        subject=f"{settings.model_name}: test",
        sentence="This is a test: alerts of this installation arrive here",
        remedy="",
        at=now,
    )
    tellings = list[Telling]()
    for channel in channels:
        try:
            channel.notifier.send(notice, notice.identity(TEST), now)
            tellings.append(Telling(channel.name, 1, 0, None))
        except NotSentError as error:
            tellings.append(Telling(channel.name, 0, 0, str(error)))
    return tellings


def _clear(said: Said) -> Said:
    """The same without secrets: what earlier releases kept in rows and in Dagster's store may hold some."""
    return said._replace(sentence=cleared(said.sentence), remedy=cleared(said.remedy))


def _unread(error: ForestFireRetrainError) -> Matter:
    what = f"what needs a person cannot be found out: {error}"
    return Matter(MatterKind.FAULT_FOUND, f"fault_found/{type(error).__name__}", what, "Run: forest-fire verify")
