"""The page of a decision: the same bytes from the same row, everything escaped, nothing from elsewhere."""

import json
import re
from html.parser import HTMLParser

import pytest

from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.decision.verdicts import ReasonCode
from forest_fire_retrain.core.ledger.decision_page import PAGE_VERSION, render_decision_page
from forest_fire_retrain.core.ledger.decision_payload import DecisionPayload, Difference, read_payload
from forest_fire_retrain.core.ledger.drafts import draft_decision, draft_replay
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, EntryDraft, seal
from forest_fire_retrain_tests.example_evidence import (
    MODEL,
    STAMP,
    example_case,
    example_payload,
    findings,
    inaugural_case,
    steady_gains,
)

GOLDEN_SHA256 = "00b7701b5db2b5b217d7329dabd17bfa45cdef55a8137d34388d305ce83ddc26"
"""Of the plain page; it changes with the page's wording: raise `PAGE_VERSION` then, and make it anew."""

QUALITY = {"candidate": {"brier": 0.04, "auc": float("nan")}, "champion": {"brier": 0.05}}


def a_payload(**changes: object) -> DecisionPayload:
    payload = example_payload(example_case(steady_gains(0.5)), week=7)
    return payload.model_copy(update={"quality": QUALITY, "dropped": {"2024-01-15": "suspect"}, **changes})


def a_draft(payload: DecisionPayload) -> EntryDraft:
    return draft_decision(payload, model_name=MODEL, idempotency_key="key", champion=1, stamp=STAMP)


def page_of(payload: DecisionPayload) -> str:
    return render_decision_page(a_draft(payload), payload)


class Reader(HTMLParser):
    """Collects what would leave the page or run in it, and whether every tag is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.tags, self.attributes = list[str](), set[str](), set[str]()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_is_to_the_byte_what_it_was() -> None:
    assert (PAGE_VERSION, fingerprint_text(page_of(a_payload()))) == (1, GOLDEN_SHA256)


def test_the_page_can_be_made_again_from_the_row_alone() -> None:
    for payload in (a_payload(), example_payload(inaugural_case(steady_gains(0.5)), week=7)):
        for draft_it in (draft_decision, draft_replay):
            draft = draft_it(payload, model_name=MODEL, idempotency_key="key", champion=1, stamp=STAMP)
            page = render_decision_page(draft, payload)
            row = seal(draft, 1, GENESIS_HASH)
            again = json.loads(row.payload_json)
            shuffled = row.model_copy(update={"payload_json": json.dumps(dict(reversed(again.items())))})
            assert render_decision_page(row, read_payload(row)) == page
            assert render_decision_page(shuffled, read_payload(shuffled)) == page


def test_the_hash_of_the_page_is_no_part_of_the_page() -> None:
    assert page_of(a_payload(page_sha256="f" * 64)) == page_of(a_payload())


def test_the_page_says_what_a_person_decides_by() -> None:
    payload = a_payload()
    page, found = page_of(payload), payload.decision.comparison
    for shown in (
        payload.decision.sentence,
        f"{found.interval_low:+.2%} to {found.interval_high:+.2%}",
        f"{found.bootstrap_low:+.2%} to {found.bootstrap_high:+.2%}",
        payload.holdout.windows.training.half_open,
        payload.holdout.windows.holdout.half_open,
        payload.holdout.content_hash,
        payload.candidate.training_hash,
        payload.candidate.stored.artifact_sha256,
        "2024-01-15: suspect",
        "features 3, fires 5",
        *(finding.sentence for finding in payload.guardrails),
        *payload.used_partitions,
    ):
        assert shown in page, shown
    assert page.count("<td>passed</td>") == len(payload.guardrails)
    failed = a_payload(guardrails=findings(ReasonCode.SCHEMA))
    assert page_of(failed).count("<td>FAILED</td>") == 1


def test_a_replay_says_so_and_what_differs() -> None:
    payload = a_payload(differences=(Difference(what="recipe", original="a", replay="b"),))
    draft = draft_replay(payload, model_name=MODEL, idempotency_key="key", champion=1, stamp=STAMP)
    page = render_decision_page(draft, payload)
    assert "<h1>REPLAY of the decision" in page
    assert "<tr><td>recipe</td><td>a</td><td>b</td></tr>" in page
    assert "REPLAY" not in page_of(payload)


def test_nothing_on_the_page_runs_or_comes_from_elsewhere() -> None:
    reader = Reader()
    reader.feed(page_of(a_payload()))
    assert reader.open == []
    assert not reader.tags & {"script", "link", "img", "iframe", "object", "form", "a", "svg", "base"}
    assert reader.attributes <= {"lang", "charset", "http-equiv", "content", "name", "class"}
    assert not re.search(r"https?:|url\(|@import", page_of(a_payload()))


@pytest.mark.parametrize("evil", ["<script>alert(1)</script>", '"><img src=x onerror=y>', "&lt;", "a\u202eb"])
def test_a_text_that_looks_like_html_is_shown_as_it_is_written(evil: str) -> None:
    plain = a_payload()
    decision = plain.decision.model_copy(update={"sentence": evil, "alerts": (evil,)})
    seen = [finding.model_copy(update={"sentence": evil}) for finding in plain.guardrails]
    quality = {evil: {evil: 1.0}}
    payload = plain.model_copy(
        update={"decision": decision, "guardrails": tuple(seen), "quality": quality, "dropped": {evil: evil}}
    )
    reader, honest = Reader(), Reader()
    reader.feed(page_of(payload))
    honest.feed(page_of(plain))
    assert (reader.tags, reader.attributes) == (honest.tags, honest.attributes)
    assert not re.search(r"<script|<img", page_of(payload))
