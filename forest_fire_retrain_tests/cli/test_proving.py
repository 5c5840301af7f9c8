"""The commands that prove something outside: what they print, what they write, and how they end."""

import io
import json
import sys
from pathlib import Path

import pytest

from forest_fire_retrain.adapters.duckdb_ledger import DuckDbLedger
from forest_fire_retrain.adapters.record_files import RecordFiles
from forest_fire_retrain.core.ledger.checkpoints import PublicKey, read_notes, take_checkpoint
from forest_fire_retrain_tests.cli.conftest import Run
from forest_fire_retrain_tests.example_reigns import WEEKS, three_reigns
from forest_fire_retrain_tests.fakes.records import FakeRecordStore


@pytest.fixture
def decided(home: Path) -> Path:
    """A home with the ledger and the pages of three reigns, and nothing else."""
    reigns = three_reigns()
    ledger, records = DuckDbLedger(home / "ledger.duckdb", patience_seconds=1), RecordFiles(home / "records")
    for row in reigns.ledger.rows:
        assert ledger.append(row) == row
    assert isinstance(reigns.installation.records, FakeRecordStore)
    for page in reigns.installation.records.pages.values():
        records.keep_page(page)
    return home


def test_the_witness_prints_a_checkpoint_and_beside_it_the_public_key(decided: Path, forest_fire: Run) -> None:
    answer = forest_fire("witness")
    assert answer.code == 0, answer
    (note,) = read_notes(answer.out)
    rows = DuckDbLedger(decided / "ledger.duckdb", patience_seconds=1).entries()
    assert note.checkpoint == take_checkpoint(rows)
    key = PublicKey.read(answer.err.removeprefix("The public key to keep with it: "))
    said = json.loads(forest_fire("witness", "--json").out)
    assert said["checkpoint"] == answer.out
    assert PublicKey.read(said["public_key"]) == key
    assert (said["rows"], bytes.fromhex(said["root"])) == (6, note.checkpoint.root)
    private = (decided / "witness.key").read_text().splitlines()[1]
    assert private not in answer.out + answer.err


def test_the_witness_appends_to_a_file_and_signs_with_a_named_key(
    decided: Path, forest_fire: Run, tmp_path: Path
) -> None:
    file = tmp_path / "kept.txt"
    assert "is appended to" in forest_fire("witness", "--append", str(file)).out
    assert "stands already at the end of" in forest_fire("witness", "--append", str(file)).out
    assert len(read_notes(file.read_text(encoding="utf-8"))) == 1
    (decided / "witness.key").rename(tmp_path / "department.pem")
    named = forest_fire("witness", "--key", str(tmp_path / "department.pem"))
    assert named.out == file.read_text(encoding="utf-8")
    assert not (decided / "witness.key").exists()
    missing = forest_fire("witness", "--key", str(tmp_path / "none.pem"))
    assert (missing.code, "openssl genpkey" in missing.err) == (2, True)


def test_an_empty_home_has_nothing_to_witness_and_no_evidence(home: Path, forest_fire: Run, tmp_path: Path) -> None:
    (home / "records").mkdir(parents=True)
    assert forest_fire("witness").code == 2
    answer = forest_fire("evidence", WEEKS[0], "--out", str(tmp_path / "e.zip"))
    assert (answer.code, "says nothing of the period" in answer.err) == (2, True)
    assert not (tmp_path / "e.zip").exists()
    assert not (home / "witness.key").exists()


def test_evidence_is_made_and_checked_where_there_is_no_home(
    decided: Path, forest_fire: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pack, kept = str(tmp_path / "e.zip"), tmp_path / "kept.txt"
    forest_fire("witness", "--append", str(kept))
    forest_fire("ledger", "export")
    key = tmp_path / "witness.pub"
    key.write_bytes((decided / "export" / "witness.pub").read_bytes())
    made = forest_fire("evidence", WEEKS[1], "--out", pack, "--against", str(kept))
    assert (made.code, pack in made.out) == (0, True), made
    assert (again := forest_fire("evidence", WEEKS[1], "--out", pack)).code == 2, again
    assert json.loads(forest_fire("evidence", WEEKS[1], "--out", pack, "--force", "--json").out)["partition"]
    monkeypatch.setenv("FOREST_FIRE_HOME", str(tmp_path / "nowhere"))
    monkeypatch.setenv("FOREST_FIRE_NO_SUCH_SETTING", "1")  # any use of settings would end here
    answer = forest_fire("evidence", "--check", pack, "--key", str(key), "--against", str(kept))
    assert answer.code == 0, answer
    lines = answer.out.splitlines()
    assert lines[0] == f"Evidence on period {WEEKS[1]} of forest_fire_risk"
    assert all(line.startswith("  proved") for line in lines[1 : lines.index("It does not prove:")])
    monkeypatch.setattr(sys, "stdin", io.StringIO(kept.read_text(encoding="utf-8")))
    said = json.loads(forest_fire("evidence", "--check", pack, "--against", "-", "--json").out)
    assert (said["holds"], said["is_wrong"]) == (True, False)
    assert {finding["holds"] for finding in said["findings"]} == {True}
    assert not (tmp_path / "nowhere").exists()


def test_a_changed_pack_is_no(decided: Path, forest_fire: Run, tmp_path: Path) -> None:
    pack = tmp_path / "e.zip"
    assert (decided / "ledger.duckdb").exists()
    assert not (decided / "export").exists(), "a pack is made of the ledger, not of its copy"
    forest_fire("evidence", WEEKS[1], "--out", str(pack))
    assert b"attachments/candidate_card.md" in pack.read_bytes()
    pack.write_bytes(pack.read_bytes().replace(b"PROMOTED", b"REJECTED"))
    answer = forest_fire("evidence", "--check", str(pack))
    assert answer.code == 1, answer
    assert "Something in it is wrong: nothing of it can be believed." in answer.out
    assert "It does not prove" not in answer.out


def test_what_is_kept_elsewhere_makes_no_folder_where_the_disk_is_not_mounted(
    decided: Path, forest_fire: Run, tmp_path: Path
) -> None:
    vault = tmp_path / "vault"
    for words in (("witness", "--append", str(vault / "x")), ("evidence", WEEKS[1], "--out", str(vault / "x"))):
        answer = forest_fire(*words)
        assert answer.code == 2, answer
        assert f"there is no folder {vault}; make it, or mount what it lies on" in answer.err
    assert not vault.exists()
    assert decided.exists()


def test_a_file_that_is_no_checkpoint_or_key_is_named(decided: Path, forest_fire: Run, tmp_path: Path) -> None:
    wrong, right = tmp_path / "wrong.txt", tmp_path / "right.txt"
    wrong.write_text("hello\n", encoding="utf-8")
    assert forest_fire("witness", "--append", str(right)).code == 0
    for words, option in ((("--against", wrong), "--against"), (("--against", right, "--key", wrong), "--key")):
        answer = forest_fire("verify", *map(str, words))
        assert answer.code == 2
        assert f"{option} {wrong}: 'hello'" in " ".join(answer.err.split())
    assert decided.exists()


@pytest.mark.parametrize(
    "words",
    [
        (),
        (WEEKS[0],),
        ("--out", "e.zip"),
        (WEEKS[0], "--check", "e.zip"),
        ("--check", "e.zip", "--out", "e.zip"),
        ("--check", "e.zip", "--force"),
        (WEEKS[0], "--out", "e.zip", "--key", "k.pub"),
        ("yesterday", "--out", "e.zip"),
        ("--check", "none.zip"),
    ],
)
def test_wrong_use_is_told(home: Path, forest_fire: Run, words: tuple[str, ...]) -> None:
    answer = forest_fire("evidence", *words)
    assert answer.code == 2, answer
    assert "Traceback" not in answer.err
    assert not home.exists()
