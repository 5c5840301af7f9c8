"""Evidence packs: checked with nothing else at hand; whoever changes, swaps, forges or rewrites is found out."""

import json
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.kept_files import pack as zip_pack
from forest_fire_retrain.adapters.kept_files import read_pack
from forest_fire_retrain.adapters.witness_key import WitnessKey, is_signed
from forest_fire_retrain.core.errors import LedgerTamperedError, ProofError, RefusedRequestError
from forest_fire_retrain.core.ledger.checkpoints import PublicKey, read_notes, sign_checkpoint, sign_text
from forest_fire_retrain.core.ledger.decision_payload import read_payload
from forest_fire_retrain.core.ledger.entries import EntryKind
from forest_fire_retrain.core.ledger.evidence_check import Report, check_pack
from forest_fire_retrain.core.ledger.evidence_pack import fingerprint, write_json
from forest_fire_retrain.proofs import check_evidence, witness, write_evidence
from forest_fire_retrain_tests.example_packs import ATTACHMENTS, MODEL, NOW, Home
from forest_fire_retrain_tests.example_reigns import NEXT_WEEK, WEEKS
from forest_fire_retrain_tests.test_proofs import seal_again

Change = Callable[[bytes], bytes]


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def check(files: dict[str, bytes]) -> Report:
    return check_pack(files, is_signed)


def wrong(report: Report) -> list[str]:
    assert not report.holds
    return [finding.sentence for finding in report.findings if not finding.holds]


def files_of(path: Path) -> dict[str, bytes]:
    files = read_pack(path)
    assert files is not None
    return files


def sign_again(files: dict[str, bytes], key: WitnessKey, **changes: object) -> dict[str, bytes]:
    """A list and a signature for changed files, by whoever has the key."""
    manifest = json.loads(files["manifest.json"]) | changes
    files = {name: content for name, content in files.items() if not name.startswith("manifest.")}
    manifest["files"] = {name: fingerprint(content) for name, content in files.items()}
    origin = PublicKey.read(files["witness.pub"].decode()).name
    text = write_json(manifest)
    return {**files, "manifest.json": text, "manifest.sig": sign_text(text.decode(), key, origin).encode()}


def with_payload(files: dict[str, bytes], text: str) -> dict[str, bytes]:
    """Row 3 with another payload."""
    return {"rows/000003.json": write_json({**json.loads(files["rows/000003.json"]), "payload_json": text})}


def test_a_pack_proves_its_decision_with_nothing_else_at_hand(home: Home) -> None:
    report = check_evidence(home.make())
    assert report.holds
    assert report.subject == f"period {WEEKS[1]} of {MODEL}"
    said = " ".join(finding.sentence for finding in report.findings)
    assert "are those of the list, unchanged" in said
    assert "The rows 1, 2, 3, 4, 7 have the hashes of their content" in said
    assert "pages/000003.html, pages/000007.html: what was shown when the decision fell" in said
    assert f"Taken again from these rows, the decision of {WEEKS[1]} in row 3 is PROMOTED" in said
    assert any("rewritten before the pack was made" in sentence for sentence in report.not_proved)
    assert any("Whose the key is" in sentence for sentence in report.not_proved)
    assert any("attachments/explanation.html, attachments/model_card.md" in line for line in report.not_proved)


def test_a_pack_holds_decision_confirmation_replay_champion_evidence_page_and_what_is_attached(home: Home) -> None:
    files = files_of(home.make())
    manifest = json.loads(files["manifest.json"])
    assert manifest["rows"] == {"own": [3, 4, 7], "champion": [1, 2], "evidence": []}
    kinds = {number: json.loads(files[f"rows/{number:06d}.json"])["kind"] for number in (1, 2, 3, 4, 7)}
    assert kinds == {1: "decision", 2: "confirmation", 3: "decision", 4: "confirmation", 7: "replay"}
    decision = read_payload(home.ledger.rows[2])
    assert files["pages/000003.html"].decode() == home.records.pages[decision.page_sha256 or ""]
    assert json.loads(files["candidate.json"])["candidate_id"] == decision.candidate.candidate_id
    assert json.loads(files["champion.json"])["candidate"] == home.ledger.rows[0].payload["candidate"]
    assert json.loads(files["metrics.json"])["comparison"]["interval_low"] is not None
    assert json.loads(files["windows.json"])["holdout"]["content_hash"] == decision.holdout.content_hash
    assert json.loads(files["environment.json"])["python_version"]
    assert {name.removeprefix("attachments/"): files[name] for name in files if "attachments" in name} == ATTACHMENTS
    index = files["index.html"].decode()
    assert all(name in index for name in files if name not in ("index.html", "manifest.json", "manifest.sig"))
    assert decision.decision.sentence.replace("'", "&#x27;") in index


def test_every_period_makes_a_sound_pack_and_its_pooled_windows_are_in_it(home: Home) -> None:
    for period in (*WEEKS, NEXT_WEEK):
        assert check_evidence(home.make(period)).holds, period


def test_the_same_rows_time_and_key_make_the_same_bytes(home: Home) -> None:
    one, other = home.make(name="a.zip").read_bytes(), home.make(name="b.zip").read_bytes()
    assert one == other
    with zipfile.ZipFile(home.folder / "a.zip") as packed:
        assert packed.namelist() == sorted(packed.namelist())
        assert {entry.date_time for entry in packed.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert [path.name for path in home.folder.glob("*.part")] == []


def test_a_name_that_no_disk_takes_is_refused_in_a_sentence(home: Home) -> None:
    with pytest.raises(ProofError, match=r"zip cannot be written: File name too long"):
        write_evidence(home.published, home.records, WEEKS[0], home.folder / ("x" * 300 + ".zip"), now=NOW)
    with pytest.raises(ProofError, match=r"txt cannot be read: File name too long"):
        witness(home.published, append_to=home.folder / ("x" * 300 + ".txt"))


def test_a_file_that_is_there_is_kept_unless_asked(home: Home) -> None:
    target = home.make()
    before = target.read_bytes()
    with pytest.raises(ProofError, match="is there already and was kept"):
        write_evidence(home.published, home.records, WEEKS[0], target, now=NOW)
    assert target.read_bytes() == before


def test_a_period_of_which_the_ledger_says_nothing_has_no_pack(home: Home) -> None:
    with pytest.raises(RefusedRequestError, match="says nothing of the period 2031-01-06"):
        home.make("2031-01-06")
    assert not (home.folder / "e.zip").exists()


@pytest.mark.parametrize("name", ["../x", "a/b", "", ".x", "a b"])
def test_an_attachment_has_a_plain_name(home: Home, name: str) -> None:
    with pytest.raises(ProofError, match="no name for an attachment"):
        write_evidence(home.published, home.records, WEEKS[0], home.folder / "x.zip", now=NOW, attachments={name: b"x"})


def test_no_pack_is_made_of_a_lost_or_changed_page_or_of_a_broken_ledger(home: Home) -> None:
    digest = read_payload(home.ledger.rows[2]).page_sha256 or ""
    page = home.records.pages.pop(digest)
    with pytest.raises(ProofError, match="the page of row 3 is lost"):
        home.make()
    home.records.pages[digest] = page + " "
    with pytest.raises(ProofError, match="the page of row 3 was changed"):
        home.make()
    home.records.pages[digest] = page
    home.ledger.edit_by_hand(1, summary="Better.")
    with pytest.raises(LedgerTamperedError, match="row 1"):
        home.make()


def expect_changes_to_be_found(files: dict[str, bytes], step: int) -> int:
    n_tried = 0
    for name, content in files.items():
        for place in range(0, len(content), max(1, len(content) // step)):
            changed = content[:place] + bytes([content[place] ^ (1 << n_tried % 8)]) + content[place + 1 :]
            assert not check({**files, name: changed}).holds, (name, place)
            n_tried += 1
    return n_tried


def test_a_changed_byte_of_any_file_is_found(home: Home) -> None:
    assert expect_changes_to_be_found(files_of(home.make(kept=home.checkpoint_of(3))), 4) > 80


@pytest.mark.slow
def test_a_changed_byte_of_any_file_is_found_at_many_places(home: Home) -> None:
    assert expect_changes_to_be_found(files_of(home.make(kept=home.checkpoint_of(3))), 80) > 1_500


def test_every_changed_byte_of_what_signs_is_found(home: Home) -> None:
    files = files_of(home.make())
    for name in ("manifest.sig", "witness.pub", "checkpoint.txt"):
        for place, value in enumerate(files[name]):
            changed = files[name][:place] + bytes([value ^ 1]) + files[name][place + 1 :]
            assert not check({**files, name: changed}).holds, (name, place)


@pytest.mark.parametrize("step", [499, pytest.param(17, marks=pytest.mark.slow)])
def test_a_changed_byte_of_the_archive_itself_is_found(home: Home, step: int) -> None:
    path = home.make()
    written = path.read_bytes()
    places = {*range(0, len(written), step), *range(len(written) - 22, len(written)), *range(60)}
    for place in sorted(places):
        path.write_bytes(written[:place] + bytes([written[place] ^ 1]) + written[place + 1 :])
        assert not check_evidence(path).holds, place


@pytest.mark.parametrize(
    "cheat",
    [
        lambda written: written + b"more",
        lambda written: b"more" + written,
        lambda written: written[:-1],
        lambda written: written[: len(written) // 2],
        lambda _: b"",
        lambda _: b"PK",
    ],
)
def test_what_is_no_whole_archive_proves_nothing(home: Home, cheat: Change) -> None:
    path = home.make()
    path.write_bytes(cheat(path.read_bytes()))
    assert "is not, to the byte, an archive as it was written" in wrong(check_evidence(path))[0]


def test_an_archive_that_was_packed_anew_is_none(home: Home) -> None:
    path = home.make()
    files = files_of(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    assert check_evidence(path).is_wrong
    path.write_bytes(zip_pack(files))
    assert check_evidence(path).holds


def test_files_that_are_missing_added_or_swapped_are_named(home: Home) -> None:
    files = files_of(home.make())
    for name in files:
        lacking = {other: content for other, content in files.items() if other != name}
        assert any(name in sentence for sentence in wrong(check(lacking))), name
    assert "extra.txt is in the pack and not in its list" in wrong(check({**files, "extra.txt": b""}))
    one, other = "pages/000003.html", "pages/000007.html"
    said = wrong(check({**files, one: files[other], other: files[one]}))
    assert [sentence for sentence in said if sentence.startswith(one)] == [
        f"{one} was changed",
        f"{one} is not the page of its row as it was when the decision fell",
    ]
    assert wrong(check({})) == ["manifest.json is missing, or is no canonical JSON"]


def test_whoever_signs_a_changed_pack_with_another_key_is_found_by_key_or_checkpoint(home: Home) -> None:
    kept, public_key = home.checkpoint_of(6), home.public_key
    honest = home.make()
    forger = Home(home.folder / "forger")
    forger.pretend(2, summary="Much better.")
    forged = forger.make()
    alone = check_evidence(forged)
    assert alone.holds  # a pack by itself proves no more than that it is whole, and says so
    assert any("Whose the key is" in sentence for sentence in alone.not_proved)
    assert "not by the trusted one" in wrong(check_evidence(forged, public_key=public_key))[0]
    assert check_evidence(forged, kept=kept).is_wrong
    assert check_evidence(honest, public_key=public_key).holds


def test_a_pack_of_a_replaced_key_continues_what_the_old_key_signed(home: Home) -> None:
    old, kept = home.public_key, home.checkpoint_of(5)
    (home.folder / "witness.key").unlink()
    home.key = WitnessKey(home.folder / "witness.key", is_made=True)
    path = home.make(kept=kept)
    assert "If the key was replaced, name all public keys" in wrong(check_evidence(path, kept=kept))[0]
    assert check_evidence(path, kept=kept, public_key=f"{home.public_key}\n{old}").holds
    assert "not by the trusted one" in wrong(check_evidence(path, kept=kept, public_key=old))[0]


def test_whoever_has_the_key_and_rewrites_the_ledger_is_found_by_what_was_kept(home: Home) -> None:
    kept = home.checkpoint_of(5)
    same_size = home.checkpoint_of(len(home.ledger.rows))
    assert check_evidence(home.make(kept=kept), kept=kept).holds
    rows = list(home.ledger.rows)
    home.pretend(4, summary="Much better.")
    assert check_evidence(home.make(), public_key=home.public_key).holds
    with pytest.raises(LedgerTamperedError, match="of other rows than the first 5"):
        home.make(kept=kept)
    assert check_evidence(home.make(), kept=same_size).is_wrong
    honest = Home(home.folder)
    proof = files_of(honest.make(kept=kept, name="honest.zip"))["consistency/000001.json"]
    forged = sign_again({**files_of(home.make()), "consistency/000001.json": proof}, home.key)
    report = check_pack(forged, is_signed, kept=read_notes(kept))
    assert "the ledger of the pack does not continue" in wrong(report)[0]
    assert rows != home.ledger.rows


def test_a_decision_that_does_not_follow_from_its_rows_is_found_although_everything_is_signed(home: Home) -> None:
    row = home.ledger.rows[2]
    payload = read_payload(row)
    worse = payload.decision.model_copy(update={"champion_age_days": 1, "sentence": "Promoted, of course."})
    text = payload.model_copy(update={"decision": worse, "page_sha256": None}).to_json()
    home.pretend(2, payload_json=text)
    (sentence,) = wrong(check_evidence(home.make(), public_key=home.public_key))
    assert "does not follow from the rows in the pack" in sentence


def test_parts_rows_and_pages_that_say_otherwise_are_found_although_they_are_signed(home: Home) -> None:
    files = files_of(home.make())
    other_period = files_of(home.make(WEEKS[0], name="other.zip"))
    cheats: list[tuple[dict[str, bytes], dict[str, object], str]] = [
        ({"metrics.json": other_period["metrics.json"]}, {}, "metrics.json says something else than the rows"),
        ({"pages/000003.html": b"<p>better</p>"}, {}, "is not the page of its row"),
        ({"pages/000099.html": b"<p>better</p>"}, {}, "pages/000099.html is the page of no row"),
        ({"rows/000003.json": files["rows/000004.json"]}, {}, "rows/000003.json holds row 4"),
        ({"rows/000003.json": b"{}\n"}, {}, "holds no row of a ledger"),
        (with_payload(files, "[]"), {}, "rows/000003.json holds row 3"),
        (with_payload(files, "[" * 100_000), {}, "holds no row of a ledger"),
        (with_payload(files, '{"decision":{"comparison":NaN}}'), {}, "hold what cannot be read"),
        (with_payload(files, '{"used_partitions":7,"page_sha256":[]}'), {}, "cannot be taken again"),
        ({"rows/000003.json": files["rows/000003.json"].replace(b"PROMOTED", b"INCONCLUSIVE")}, {}, "was edited"),
        ({"proofs/000003.json": files["proofs/000004.json"]}, {}, "its proof is of another place"),
        ({"proofs/000003.json": b'{"hashes":["zz"],"index":2,"size":9}\n'}, {}, "row 3: is not in the ledger"),
        ({"verdict.html": b"<p>better</p>"}, {}, "verdict.html belongs to no evidence pack"),
        ({"rows/000002.json": files["rows/000003.json"]}, {}, "rows/000002.json holds row 3"),
        ({"rows/000005.json": b"{}\n"}, {}, "rows/000005.json belongs to no evidence pack"),
        ({"attachments/../index.html": b"x"}, {}, "attachments/../index.html belongs to no evidence pack"),
        ({"consistency/1.json": b"{}\n"}, {}, "consistency/1.json belongs to no evidence pack"),
        ({}, {"rows": {"own": [3, 4, 7], "champion": [2, 1], "evidence": []}}, "gives its rows other parts"),
        ({}, {"rows": {"own": [3, 4, 7], "champion": [1, 2], "evidence": [1]}}, "gives its rows other parts"),
        ({}, {"partition_key": WEEKS[0]}, "is of another period or model"),
        ({}, {"model_name": "another"}, "is of another period or model"),
        ({}, {"format": 2}, "use a newer one"),
        ({}, {"rows": {"own": [3], "champion": [], "evidence": "all"}}, "does not say which rows"),
        ({}, {"rows": {"own": [-3], "champion": [], "evidence": []}}, "does not say which rows"),
    ]
    for changed, listed, said in cheats:
        report = check(sign_again({**files, **changed}, home.key, **listed))
        assert any(said in sentence for sentence in wrong(report)), (said, report)


def test_a_checkpoint_or_key_that_is_of_another_key_or_ledger_is_found_although_the_list_is_signed(home: Home) -> None:
    files, forger = files_of(home.make()), WitnessKey(home.folder / "forger.key", is_made=True)
    checkpoint = read_notes(files["checkpoint.txt"].decode())[0].checkpoint
    foreign = sign_checkpoint(checkpoint, forger).encode()
    assert "is not signed by the key" in wrong(check(sign_again({**files, "checkpoint.txt": foreign}, home.key)))[0]
    renamed = f"{PublicKey('example.com/log', home.key.public_key)}\n".encode()
    report = check(sign_again({**files, "witness.pub": renamed}, home.key))
    assert "key, checkpoint and signature are not of the same ledger" in wrong(report)
    elsewhere = sign_checkpoint(checkpoint._replace(origin="example.com/log"), home.key)
    (sentence,) = wrong(check_pack(files, is_signed, kept=read_notes(elsewhere)))
    assert "is of another ledger than the pack's" in sentence


def test_checkpoints_that_were_kept_are_compared_as_far_as_the_pack_can(home: Home) -> None:
    n_rows, older, newer = len(home.ledger.rows), home.checkpoint_of(3), home.checkpoint_of(5)
    path = home.make(kept=older)
    report = check_evidence(path, kept=older)
    assert report.holds
    assert any("Since when the rows 4, 7 are in the ledger" in line for line in report.not_proved)
    assert not any("Whose the key" in line or "rewritten" in line for line in report.not_proved)
    asked = check_evidence(path, kept=older + newer)
    assert (asked.holds, asked.is_wrong) == (False, False)
    assert wrong(asked)[0].endswith("Ask for one that was made with --against it")
    assert check_evidence(home.make(kept=older + newer), kept=older + newer).holds
    now = home.checkpoint_of(n_rows)
    home.ledger.append(home.ledger.rows[-1])
    later = check_evidence(path, kept=home.checkpoint_of(n_rows + 1))
    assert (later.holds, later.is_wrong) == (False, False)
    assert "the pack alone cannot say whether it continues that" in wrong(later)[0]
    assert check_evidence(path, kept=now).holds


def test_a_pack_of_replays_alone_holds_no_parts_that_no_row_vouches_for(home: Home) -> None:
    replay = next(row for row in home.ledger.rows if row.kind is EntryKind.REPLAY)
    home.ledger.rows[:] = seal_again([replay])
    forged = sign_again({**files_of(home.make()), "decision.json": b'{"outcome":"PROMOTED"}\n'}, home.key)
    assert "decision.json belongs to no evidence pack" in " ".join(wrong(check(forged)))


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProofError, match="cannot be read"):
        check_evidence(tmp_path / "none.zip")


def test_a_period_that_was_only_replayed_has_a_pack_of_its_replay(home: Home) -> None:
    replay = next(row for row in home.ledger.rows if row.kind is EntryKind.REPLAY)
    home.ledger.rows[:] = seal_again([replay])
    report = check_evidence(home.make())
    assert report.holds
    assert "The pack holds no live decision, only replays." in [finding.sentence for finding in report.findings]
