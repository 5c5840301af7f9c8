"""The key that signs checkpoints: Ed25519 (RFC 8032), in a file that only its owner can read.

Rules
-----
- The home's own key is made when it signs first, never for reading; a key that somebody names is never made, only read.
- A key is written beside and linked into its place: of two processes that make one at once, both use the same.
- The private key is never printed, logged or copied.
"""

import os
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from forest_fire_retrain.adapters.atomic_files import remove_left_overs
from forest_fire_retrain.core.errors import ProofError

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

OWNER_ONLY = 0o600
OTHERS = 0o077


class WitnessKey:
    """Implements `Signer` by a key file: PEM, PKCS 8, not encrypted.

    Parameters
    ----------
    path : Path
        The file.
    is_made : bool
        Whether a missing key is made.
    """

    def __init__(self, path: Path, *, is_made: bool) -> None:
        self._path = path
        self._is_made = is_made

    @property
    def public_key(self) -> bytes:
        """The 32 bytes that others check signatures with.

        Raises
        ------
        ProofError
            If the key cannot be read.
        """
        return self._key.public_key().public_bytes_raw()

    def sign(self, text: bytes) -> bytes:
        """The signature over `text`; the same text has the same.

        Raises
        ------
        ProofError
            If the key cannot be read, or not be made.
        """
        if self._is_made and not self._path.exists():
            self._make()
        elif self._is_made:
            remove_left_overs(self._path.parent)  # a process that was killed while it made the key left it twice
        return self._key.sign(text)

    @cached_property
    def _key(self) -> "Ed25519PrivateKey":
        try:
            written = self._path.read_bytes()
            mode = self._path.stat().st_mode
        except OSError as error:
            raise self._refusal(error) from error
        if mode & OTHERS:
            msg = f"the key {self._path} can be read by others, and nothing was signed. Run: chmod 600 {self._path}"
            raise ProofError(msg)
        return _read_key(written, self._path)

    def _refusal(self, error: OSError) -> ProofError:
        return ProofError(
            f"the key that signs checkpoints, {self._path}, cannot be used: {error.strerror}. Nothing was signed. "
            "Correct that, or name another key in FOREST_FIRE_WITNESS_KEY; one is made by: "
            "openssl genpkey -algorithm ed25519 -out KEY.pem"
        )

    def _make(self) -> None:
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - see below

        written = _write_key(Ed25519PrivateKey.generate())
        beside = self._path.with_name(f"{self._path.name}.{os.getpid()}.part")
        try:
            beside.parent.mkdir(parents=True, exist_ok=True)
            remove_left_overs(beside.parent)
            with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, OWNER_ONLY), "wb") as file:
                file.write(written)
                file.flush()
                os.fsync(file.fileno())
            with suppress(FileExistsError):  # another process was first: its key it is
                os.link(beside, self._path)
            beside.unlink()
        except OSError as error:
            raise self._refusal(error) from error


def is_signed(public_key: bytes, text: bytes, signature: bytes) -> bool:
    """Whether `signature` is the key's over `text`."""
    from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - as below
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - as below

    try:
        Ed25519PublicKey.from_public_bytes(public_key).verify(signature, text)
    except (InvalidSignature, ValueError):
        return False
    return True


def _write_key(key: "Ed25519PrivateKey") -> bytes:
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - who signs nothing does not wait for it

    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _read_key(written: bytes, path: Path) -> "Ed25519PrivateKey":
    from cryptography.exceptions import UnsupportedAlgorithm  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - as above
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # noqa: PLC0415 - as above

    try:
        key = load_pem_private_key(written, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):  # what it says may quote the file
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        msg = f"{path} holds no Ed25519 key in PEM form without a password; nothing was signed"
        raise ProofError(msg) from None
    return key
