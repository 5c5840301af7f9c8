"""A season from the ledger's rows, and its page for people who read no code."""

import datetime as dt
from html.parser import HTMLParser

import pytest

from forest_fire_retrain.core.decision.alerts import FEED_SILENT, FEW_FIRES
from forest_fire_retrain.core.decision.verdicts import Outcome, ReasonCode
from forest_fire_retrain.core.ledger.drafts import draft_decision
from forest_fire_retrain.core.ledger.entries import LedgerEntry, Stamp
from forest_fire_retrain.core.ledger.reigns import Movement
from forest_fire_retrain.core.ledger.season import Month, Season, look_back_on, name_doubts
from forest_fire_retrain.core.ledger.season_page import add_up, render_season
from forest_fire_retrain_tests.example_evidence import (
    MODEL,
    confirmation_draft,
    draft,
    example_case,
    example_payload,
    example_window,
    findings,
    steady_gains,
)
from forest_fire_retrain_tests.fakes.ledger import FakeLedger

DECIDED_AT = dt.datetime(2024, 12, 31, 23, 30, tzinfo=dt.UTC)
HOSTILE = "<script>alert('x')</script><img src=http://evil.example/p.png>"


def rows_of(reason: str = "missed two fires", **changes: object) -> list[LedgerEntry]:
    """A promotion of 2024, a rollback and a freeze on the last evening of that year, UTC, and another model's row."""
    ledger = FakeLedger()
    payload = example_payload(example_case(steady_gains(0.5)), week=7)
    evidence = payload.evidence.model_copy(update={"labels_are_suspect": True, "feed_is_silent": True, **changes})
    payload = payload.model_copy(update={"evidence": evidence, "guardrails": findings(ReasonCode.SCHEMA)})
    stamp = Stamp(DECIDED_AT, "ada", "cli")
    decided = draft_decision(payload, model_name=MODEL, idempotency_key="key", champion=None, stamp=stamp)
    promoted = {"outcome": Outcome.PROMOTED, "reason_code": ReasonCode.SUPERIOR}
    row = ledger.append(decided.model_copy(update=promoted))
    ledger.append(confirmation_draft(str(row.decision_id), 1).model_copy(update={"recorded_at": DECIDED_AT}))
    ledger.append(draft("freeze", summary=f"Frozen: {reason}", recorded_at=DECIDED_AT, payload={"until": "2025-02-01"}))
    ledger.append(draft("freeze", model_name="another", recorded_at=DECIDED_AT, payload={"until": "2025-02-01"}))
    return ledger.rows


def season_of(year: int | None, zone: str = "UTC", **changes: object) -> Season:
    return look_back_on(rows_of(**changes), MODEL, year, zone)  # type: ignore[arg-type] # the reason is a text


def test_an_order_to_freeze_names_the_row_that_lifted_it() -> None:
    rows = FakeLedger(rows_of())
    payload = {"was_frozen_until": "2025-02-01", "reason": "done"}
    rows.append(draft("unfreeze", summary="Lifted.", recorded_at=DECIDED_AT, payload=payload))
    orders = look_back_on(rows.rows, MODEL, 2024, "UTC").orders
    assert [row.summary for row in orders] == ["Frozen: missed two fires (Row 5 lifts the freeze.)", "Lifted."]


class Reader(HTMLParser):
    """Collects the tags and the attributes that could leave the page or run in it."""

    def __init__(self) -> None:
        super().__init__()
        self.tags, self.attributes = set[str](), set[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)


def test_a_decision_belongs_to_the_year_that_its_period_begins_in() -> None:
    assert [len(season_of(year).decided) for year in (2023, 2024, 2025, None)] == [0, 1, 0, 1]


@pytest.mark.parametrize(("zone", "year"), [("UTC", 2024), ("Australia/Sydney", 2025)])
def test_an_order_belongs_to_the_year_of_its_day_in_the_parks_zone(zone: str, year: int) -> None:
    assert [row.summary for row in season_of(year, zone).orders] == ["Frozen: missed two fires"]
    assert season_of(2024 if year == 2025 else 2025, zone).orders == []


def test_a_reign_is_told_in_every_year_that_it_touches() -> None:
    assert [reign.version for reign in season_of(2024).reigns] == [1]
    assert [reign.version for reign in season_of(2031).reigns] == [1], "it goes on"
    assert season_of(2023).reigns == []


def test_what_the_champion_expected_is_held_against_what_happened() -> None:
    (month,) = season_of(2024).months
    window = season_of(2024).decided[0].payload.evidence
    assert (month.n_windows, month.n_fires) == (1, window.n_fires)
    assert month.n_expected == pytest.approx(sum(window.expected_champion))
    assert month.skill == pytest.approx(1 - sum(window.loss_champion) / sum(window.loss_climatology))
    assert season_of(2024, loss_champion=()).months == []


def test_days_that_an_active_and_a_scheduled_period_share_are_counted_once() -> None:
    ledger = FakeLedger()
    for key, n_days, as_of in (("2024-03-01+active", 14, 1), ("2024-02-12", 28, 15)):
        evidence = example_window(6, n_days=n_days, partition_key=key)
        payload = example_payload(example_case([0.5])).model_copy(update={"evidence": evidence})
        row = draft_decision(
            payload, model_name=MODEL, idempotency_key=key, champion=1, stamp=Stamp(DECIDED_AT, "ada", "cli")
        )
        ledger.append(row.model_copy(update={"partition_key": key, "as_of": dt.date(2024, 3, as_of)}))
    season = look_back_on(ledger.rows, MODEL, 2024, "UTC")
    assert [one.entry.partition_key for one in season.decided] == ["2024-03-01+active", "2024-02-12"]
    (month,) = season.months
    assert (month.n_windows, month.n_fires) == (1, 28)


def test_months_add_up_and_climatology_without_a_loss_gives_no_skill() -> None:
    whole = add_up([Month("2024-01", 1, 2, 3.0, 4.0, 8.0), Month("2024-02", 4, 5, 6.0, 2.0, 4.0)])
    assert whole == Month("all", 5, 7, 9.0, 6.0, 12.0)
    assert whole.skill == pytest.approx(0.5)
    assert Month("2024-01", 1, 0, 0.0, 0.0, 0.0).skill is None


def test_doubted_reports_a_silent_feed_and_a_stopped_candidate_are_doubts() -> None:
    said = " ".join(sentence for _, sentence in name_doubts(season_of(2024)))
    window = season_of(2024).decided[0].payload.evidence.window
    days = f"{window.start} to {window.end - dt.timedelta(days=1)}"
    assert f"The fire reports of {days} were doubted" in said
    assert f"The weather feed was silent in {days}." in said
    assert said.count("stopped by a guardrail") == 1
    (decided,) = season_of(2024).decided
    for told_twice in (FEW_FIRES, FEED_SILENT):
        alerted = decided.payload.decision.model_copy(update={"alerts": (f"{told_twice}here", "the champion is old")})
        payload = decided.payload.model_copy(update={"decision": alerted})
        twice = season_of(2024)._replace(decided=[decided._replace(payload=payload)])
        added = [sentence for _, sentence in name_doubts(twice) if sentence not in said]
        assert added == ["the champion is old"]


def test_a_version_that_was_rolled_back_from_is_said_to_be_quarantined() -> None:
    (reign,) = season_of(2024).reigns
    ended = reign._replace(ended_by=Movement.ROLLBACK, why_ended="missed two fires", next_version=3)
    page = render_season(season_of(2024)._replace(reigns=[ended]))
    assert "rollback: missed two fires (the version is quarantined: " in page
    assert "quarantined" not in render_season(season_of(2024))


def test_the_page_tells_it_in_sentences_and_needs_nothing_else() -> None:
    season = season_of(2024)
    page = render_season(season)
    for shown in (
        "the season 2024",
        "1 decision, ",
        season.decided[0].entry.summary.split(" (")[0],
        "The weather feed was silent",
        "Frozen: missed two fires",
        "promotion: shown to be better",
        "fires expected",
        season.decided[0].entry.entry_hash,
    ):
        assert shown in page, shown
    reader = Reader()
    reader.feed(page)
    assert not reader.tags & {"script", "link", "img", "iframe", "object", "a", "image", "use"}
    assert not reader.attributes & {"src", "href", "onload", "onclick", "xlink:href"}
    assert "default-src 'none'" in page
    assert "://" not in page
    assert page == render_season(season_of(2024)), "the same rows give the same bytes"


def test_texts_that_look_like_markup_are_shown_as_they_are_written() -> None:
    page = render_season(season_of(2024, reason=HOSTILE))
    assert "<script" not in page
    assert "<img" not in page
    assert "&lt;script&gt;alert(&#x27;x&#x27;)&lt;/script&gt;" in page


def test_a_season_without_a_scored_champion_says_so() -> None:
    assert "No model in production was scored." in render_season(season_of(2024, loss_champion=()))
