"""The key that signs checkpoints: made once, read by its owner only, never shown."""

import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from forest_fire_retrain.adapters.witness_key import WitnessKey, is_signed
from forest_fire_retrain.core.errors import ProofError

TEXT = b"what is signed\n"


def test_the_homes_key_is_made_on_first_use_and_is_the_same_ever_after(tmp_path: Path) -> None:
    path = tmp_path / "home" / "witness.key"
    made = WitnessKey(path, is_made=True)
    with pytest.raises(ProofError, match="cannot be used"):  # reading makes none
        _ = WitnessKey(path, is_made=True).public_key
    assert not path.exists()
    signature = made.sign(TEXT)
    again = WitnessKey(path, is_made=False)
    assert again.public_key == made.public_key
    assert again.sign(TEXT) == signature
    assert is_signed(made.public_key, TEXT, signature)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [left.name for left in path.parent.iterdir()] == ["witness.key"]


def test_what_a_killed_process_left_of_a_key_is_removed(tmp_path: Path) -> None:
    path = tmp_path / "witness.key"
    key = WitnessKey(path, is_made=True)
    key.sign(TEXT)
    (tmp_path / "witness.key.4194303.part").write_bytes(path.read_bytes())
    WitnessKey(path, is_made=True).sign(TEXT)
    assert list(tmp_path.iterdir()) == [path]


def test_whoever_makes_a_key_at_the_same_time_uses_the_same(tmp_path: Path) -> None:
    keys = [WitnessKey(tmp_path / "witness.key", is_made=True) for _ in range(2)]
    keys[0]._make()
    first = (tmp_path / "witness.key").read_bytes()
    keys[1]._make()  # it had looked before the first one was there
    assert (tmp_path / "witness.key").read_bytes() == first
    with ThreadPoolExecutor() as pool:
        assert len(set(pool.map(lambda key: key.public_key, keys))) == 1


@pytest.mark.parametrize("place", range(0, 64, 5))
def test_a_changed_text_signature_or_key_does_not_hold(tmp_path: Path, place: int) -> None:
    key = WitnessKey(tmp_path / "witness.key", is_made=True)
    other, signature = WitnessKey(tmp_path / "other.key", is_made=True), key.sign(TEXT)
    assert other.sign(TEXT) != signature
    changed = signature[:place] + bytes([signature[place] ^ 1]) + signature[place + 1 :]
    assert not is_signed(key.public_key, TEXT, changed)
    assert not is_signed(key.public_key, TEXT + b" ", signature)
    assert not is_signed(other.public_key, TEXT, signature)
    assert not is_signed(b"short", TEXT, signature)
    assert not is_signed(key.public_key, TEXT, signature[:-1])


def test_a_named_key_that_is_missing_is_not_made(tmp_path: Path) -> None:
    with pytest.raises(ProofError, match="openssl genpkey"):
        WitnessKey(tmp_path / "witness.key", is_made=False).sign(TEXT)
    assert list(tmp_path.iterdir()) == []


def test_a_key_that_others_can_read_signs_nothing(tmp_path: Path) -> None:
    WitnessKey(tmp_path / "witness.key", is_made=True).sign(TEXT)
    (tmp_path / "witness.key").chmod(0o640)
    with pytest.raises(ProofError, match="chmod 600"):
        WitnessKey(tmp_path / "witness.key", is_made=True).sign(TEXT)


def test_what_is_no_such_key_is_refused_without_being_shown(tmp_path: Path) -> None:
    locked = Ed25519PrivateKey.generate().private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.BestAvailableEncryption(b"secret")
    )
    other = generate_private_key(SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "witness.key"
    for written in (b"", b"SECRET", b"-----BEGIN PRIVATE KEY-----\nSECRET\n-----END PRIVATE KEY-----\n", locked, other):
        path.write_bytes(written)
        path.chmod(0o600)
        with pytest.raises(ProofError, match="no Ed25519 key") as refusal:
            WitnessKey(path, is_made=True).sign(TEXT)
        assert "SECRET" not in str(refusal.value)


def test_a_home_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "home").write_text("a file")
    with pytest.raises(ProofError, match="cannot be used"):
        WitnessKey(tmp_path / "home" / "witness.key", is_made=True).sign(TEXT)
