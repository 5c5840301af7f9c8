"""Notices, channels that note what they take, and rows that lead to notices."""

import datetime as dt
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from forest_fire_retrain.core.errors import NotSentError
from forest_fire_retrain.core.ledger.entries import EntryDraft, LedgerEntry
from forest_fire_retrain.core.matters import Matter, MatterKind
from forest_fire_retrain.core.notices.notice import Baseline, Notice, Told, make_notice
from forest_fire_retrain_tests.example_evidence import NOON
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

HOUR = dt.timedelta(hours=1)


def example_notice(**changes: object) -> Notice:
    plain: dict[str, object] = {
        "kind": "promotion",
        "key": "promotion/7/abc",
        "subject": "forest_fire_risk: version 3 promoted",
        "sentence": "Version 3 is champion in place of version 2",
        "remedy": "See: forest-fire history",
        "at": NOON,
        "row": 7,
    }
    return make_notice(**{**plain, **changes})  # type: ignore[arg-type]


def example_matter(kind: MatterKind = MatterKind.RUN_FAILED, key: str = "run_failed/a") -> Matter:
    return Matter(kind, key, f"{key} was seen", "Look at it")


def rows_of(drafts: Sequence[EntryDraft]) -> list[LedgerEntry]:
    """The rows of a ledger with these drafts, an hour apart."""
    ledger = FakeLedger()
    for number, draft in enumerate(drafts):
        ledger.append(draft.model_copy(update={"recorded_at": NOON + number * HOUR}))
    return ledger.rows


@dataclass
class FakeChannel:
    """Takes notices unless it is told to fail."""

    took: list[tuple[Notice, str]] = field(default_factory=list)
    fails: bool = False

    def send(self, notice: Notice, identity: str, now: dt.datetime) -> None:
        del now
        if self.fails:
            raise NotSentError("the relay is gone")
        self.took.append((notice, identity))

    @property
    def keys(self) -> list[str]:
        return [notice.key for notice, _ in self.took]


@dataclass
class FakeMemory:
    """Implements `NoticeMemory` in this process."""

    home: str = "a home"
    baselines: dict[str, Baseline] = field(default_factory=dict)
    rows: list[tuple[str, Notice]] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    @contextmanager
    def exclusive(self) -> Iterator[bool]:
        yield True

    def baseline(self, channel: str) -> Baseline | None:
        return self.baselines.get(channel)

    def begin(self, channel: str, baseline: Baseline) -> None:
        self.baselines[channel] = baseline

    def told(self, channel: str) -> list[Told]:
        return [
            Told(str(notice.kind), notice.key, notice.matter, notice.is_over, notice.sentence)
            for name, notice in self.rows
            if name == channel
        ]

    def note_told(self, channel: str, notice: Notice, now: dt.datetime) -> None:
        del now
        self.rows.append((channel, notice))
        self.failures.pop(channel, None)

    def note_failure(self, channel: str, why: str, now: dt.datetime) -> None:
        del now
        self.failures[channel] = why
