"""Pages of decisions: kept before their row, found when they are lost or changed, made again where that is the same."""

from unittest.mock import patch

import pytest

from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.ledger import decision_page
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload, read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind, LedgerEntry
from forest_fire_retrain.pipeline.custody.comparing_registry import Fault
from forest_fire_retrain.pipeline.custody.repairing import repair
from forest_fire_retrain.pipeline.custody.verifying import verify
from forest_fire_retrain_tests.example_reigns import WEEKS, Reigns, decide, stamp_at, three_reigns
from forest_fire_retrain_tests.fakes.records import FakeRecordStore

MODEL = "forest_fire_risk"


@pytest.fixture
def reigns() -> Reigns:
    return three_reigns()


def faults_of(reigns: Reigns) -> list[Fault]:
    stores = reigns.installation.stores
    rows = reigns.ledger.rows
    return verify(stores, MODEL, rollback_horizon=3, read_copy=lambda _: list(rows), read_reigns=lambda: None)


def records_of(reigns: Reigns) -> FakeRecordStore:
    assert isinstance(reigns.installation.records, FakeRecordStore)
    return reigns.installation.records


def with_pages(reigns: Reigns) -> list[tuple[LedgerEntry, DecisionPayload]]:
    return [(e, read_payload(e)) for e in reigns.ledger.rows if e.kind in (EntryKind.DECISION, EntryKind.REPLAY)]


def test_every_decision_and_replay_has_its_page_and_the_row_its_hash(reigns: Reigns) -> None:
    decide(reigns.installation, WEEKS[0])
    found = with_pages(reigns)
    assert [entry.kind for entry, _ in found] == [*(EntryKind.DECISION,) * 3, EntryKind.REPLAY]
    for entry, payload in found:
        assert payload.page_sha256 is not None
        page = records_of(reigns).page(payload.page_sha256)
        assert page is not None
        assert fingerprint_text(page) == payload.page_sha256
        assert entry.summary.replace("'", "&#x27;") in page
    assert faults_of(reigns) == []


def test_a_decision_that_exists_already_is_returned_and_no_page_is_made(reigns: Reigns) -> None:
    pages, rows = dict(records_of(reigns).pages), list(reigns.ledger.rows)
    assert decide(reigns.installation, WEEKS[-1]).entry == with_pages(reigns)[-1][0]
    assert (records_of(reigns).pages, reigns.ledger.rows) == (pages, rows)


def test_the_page_is_kept_before_the_row_is_written(reigns: Reigns) -> None:
    pages, n_rows = len(records_of(reigns).pages), len(reigns.ledger.rows)

    def cut(point: str) -> None:
        if point == "before append":
            raise KeyboardInterrupt

    reigns.ledger.interrupt = cut
    with pytest.raises(KeyboardInterrupt):
        decide(reigns.installation, WEEKS[0])
    assert (len(records_of(reigns).pages), len(reigns.ledger.rows)) == (pages + 1, n_rows)


def test_a_changed_page_is_found_and_left_for_a_person(reigns: Reigns) -> None:
    digest = with_pages(reigns)[1][1].page_sha256
    assert digest is not None
    records_of(reigns).pages[digest] = records_of(reigns).pages[digest].replace("fires", "fire")
    (fault,) = faults_of(reigns)
    assert (fault.where, fault.repairable) == ("page", False)
    assert f"the page of the decision of {WEEKS[1]} in row 3 was changed" in fault.what
    assert "records/decision_page" in fault.repair


def test_swapped_pages_are_found(reigns: Reigns) -> None:
    one, other = (payload.page_sha256 or "" for _, payload in with_pages(reigns)[:2])
    pages = records_of(reigns).pages
    pages[one], pages[other] = pages[other], pages[one]
    assert [fault.where for fault in faults_of(reigns)] == ["page", "page"]


def test_a_lost_page_is_made_again_by_a_repair(reigns: Reigns) -> None:
    before = dict(records_of(reigns).pages)
    digest = with_pages(reigns)[1][1].page_sha256
    assert digest is not None
    del records_of(reigns).pages[digest]
    (fault,) = faults_of(reigns)
    assert fault.repairable
    done = repair(reigns.installation.stores, MODEL, [fault], stamp_at(reigns.installation), rewrite_copy=lambda: None)
    assert done is not None
    assert "is lost" in done.summary
    assert records_of(reigns).pages == before
    assert faults_of(reigns) == []


def test_a_lost_page_of_a_release_that_wrote_other_pages_is_not_replaced_by_another(reigns: Reigns) -> None:
    digest = with_pages(reigns)[1][1].page_sha256
    assert digest is not None
    del records_of(reigns).pages[digest]
    with patch.object(decision_page, "PAGE_VERSION", 99):
        (fault,) = faults_of(reigns)
    assert not fault.repairable
    assert "backup" in fault.repair


def test_rows_that_are_older_than_the_pages_need_none(reigns: Reigns) -> None:
    records_of(reigns).pages.clear()
    old = [
        row.model_copy(update={"payload_json": read_payload(row).model_copy(update={"page_sha256": None}).to_json()})
        if row.kind is EntryKind.DECISION
        else row
        for row in reigns.ledger.rows
    ]
    reigns.ledger.rows.clear()
    for row in old:
        reigns.ledger.append(row)
    assert faults_of(reigns) == []
