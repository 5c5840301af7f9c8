"""What is spelled on disk of weights and mixtures, from this release on."""

import datetime as dt

from forest_fire_retrain.core.canonical_json import fingerprint_text
from forest_fire_retrain.core.ledger.entries import GENESIS_HASH, Stamp, seal
from forest_fire_retrain.core.ledger.weights import WeighedMember, WeighedWeek, WeightsPayload, draft_weights
from forest_fire_retrain.core.serving.mixing import Mixture, Part
from forest_fire_retrain.core.serving.scored_days import name_issue
from forest_fire_retrain.core.windows import Interval

STAMP = Stamp(dt.datetime(2026, 7, 6, 7, tzinfo=dt.UTC), "schedule", "schedule")
MEMBERS = (
    WeighedMember(
        candidate_id="ab",
        partition_key="2026-06-01",
        version=3,
        artifact_sha256="a" * 64,
        weight=0.625,
        reason="matured weeks",
        n_weeks=1,
        n_days=7,
        log_loss=2.5,
    ),
    WeighedMember(
        candidate_id="cd",
        partition_key="2026-05-01",
        artifact_sha256="b" * 64,
        weight=0.375,
        reason="no matured week yet",
        n_weeks=0,
        n_days=0,
        log_loss=0.0,
    ),
)
PAYLOAD = WeightsPayload(
    day=dt.date(2026, 7, 6),
    known_at=dt.datetime(2026, 7, 6, tzinfo=dt.UTC),
    table_versions={"fires": 4, "predictions": 9},
    members=MEMBERS,
    weeks=(
        WeighedWeek(
            week=Interval(start=dt.date(2026, 6, 8), end=dt.date(2026, 6, 15)),
            n_days=7,
            n_rows=42,
            n_fires=1,
            losses=(2.5, None),
        ),
    ),
    rule="1",
    rate=1.0,
    share=0.02,
)
SPELLED = (
    '{"day":"2026-07-06","known_at":"2026-07-06T00:00:00Z","members":[{"artifact_sha256":"'
    + "a" * 64
    + '","candidate_id":"ab","log_loss":2.5,"n_days":7,"n_weeks":1,"partition_key":"2026-06-01",'
    '"reason":"matured weeks","version":3,"weight":0.625},{"artifact_sha256":"'
    + "b"
    * 64
    + '","candidate_id":"cd","log_loss":0.0,"n_days":0,"n_weeks":0,"partition_key":"2026-05-01",'
    '"reason":"no matured week yet","version":null,"weight":0.375}],"rate":1.0,"rule":"1","share":0.02,'
    '"table_versions":{"fires":4,"predictions":9},"weeks":[{"losses":[2.5,null],"n_days":7,"n_fires":1,"n_rows":42,'
    '"week":{"end":"2026-06-15","start":"2026-06-08"}}]}'
)


def test_a_row_of_weights_is_spelled_as_it_was_first() -> None:
    row = seal(draft_weights(PAYLOAD, model_name="m", champion=3, stamp=STAMP), 1, GENESIS_HASH)
    assert row.payload_json == SPELLED
    assert WeightsPayload.read(row) == PAYLOAD
    assert row.summary == (
        "The mixture is weighed from 2026-07-06 on, by 1 week that more than one model was scored on: version 3 0.625 "
        "(matured weeks; log loss 2.500 in 1 week); the candidate of 2026-05-01 0.375 (no matured week yet)."
    )
    assert (row.champion_before, row.champion_after, row.entry_hash[:16]) == (3, 3, "909b76607f1e1bc4")


def test_a_mixture_is_named_in_the_log_as_it_was_first() -> None:
    parts = tuple(
        Part(candidate_id=m.candidate_id, version=m.version, artifact_sha256=m.artifact_sha256, share=m.weight)
        for m in MEMBERS
    )
    text = Mixture(weights_sha256="f" * 64, weights_row=7, parts=parts).to_text()
    assert text == (
        '{"parts":[{"artifact_sha256":"' + "a" * 64 + '","candidate_id":"ab","share":0.625,"version":3},'
        '{"artifact_sha256":"' + "b" * 64 + '","candidate_id":"cd","share":0.375,"version":null}],'
        '"weights_row":7,"weights_sha256":"' + "f" * 64 + '"}'
    )
    same = {
        "role": "mixture",
        "kind": "live",
        "model_name": "forest_fire_risk",
        "model_version": 0,
        "artifact_sha256": fingerprint_text(text),
        "class_limits": '{"high":0.02,"low":0.0}',
    }
    assert name_issue(dt.date(2026, 7, 6), 0, {"a": "0" * 64, "b": "1" * 64}, same) == "e1b64251d7372ccf"
