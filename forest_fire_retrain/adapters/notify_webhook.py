"""Tell people through a webhook: JSON by POST, signed, so that its receiver knows whose it is and how old.

The signature is HMAC-SHA256 with the shared secret over the timestamp's digits, a dot, and the very bytes of the
body (RFC 2104; `docs/alerts.md` says how to check it).
"""

import datetime as dt
import hashlib
import hmac
import http.client
import json
import socket
import urllib.error
import urllib.request

from pydantic import SecretStr

from forest_fire_retrain.adapters.notify_file import as_json
from forest_fire_retrain.core.errors import NotSentError
from forest_fire_retrain.core.notices.notice import Notice

TIMESTAMP_HEADER, SIGNATURE_HEADER = "X-Forest-Fire-Timestamp", "X-Forest-Fire-Signature"
IDENTITY_HEADER = "Idempotency-Key"
MOST_SUCCESSFUL = 299
HANDLERS = (
    urllib.request.ProxyHandler,
    urllib.request.HTTPHandler,
    urllib.request.HTTPSHandler,
    urllib.request.HTTPDefaultErrorHandler,
    urllib.request.HTTPErrorProcessor,
)
"""Those of urllib without the one for redirects: what is signed for one address is not carried to another."""


class Webhook:
    """Posts each notice to an address.

    Parameters
    ----------
    address, secret : SecretStr
        Where to, and what is signed with.
    timeout_seconds : float
        Longest wait for one answer.
    """

    def __init__(self, address: SecretStr, secret: SecretStr, timeout_seconds: float) -> None:
        self._address, self._secret, self._timeout_seconds = address, secret, timeout_seconds

    def send(self, notice: Notice, identity: str, now: dt.datetime) -> None:
        """Post one notice; any answer from 200 to 299 means that it was taken.

        Raises
        ------
        NotSentError
            If the receiver cannot be reached in time or answers anything else. The address, which may hold a token, is
            not in the message.
        """
        body = json.dumps(as_json(notice, identity, now)).encode("ascii")
        timestamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "forest-fire",
            IDENTITY_HEADER: identity,
            TIMESTAMP_HEADER: timestamp,
            SIGNATURE_HEADER: sign(self._secret.get_secret_value(), timestamp, body),
        }
        request = urllib.request.Request(  # noqa: S310 - the settings allow http and https only
            self._address.get_secret_value(), body, headers, method="POST"
        )
        failure = self._post(request)
        if failure is not None:
            msg = f"the webhook {failure}"
            raise NotSentError(msg)

    def _post(self, request: urllib.request.Request) -> str | None:
        """Why it was not taken; nothing of what the other side or the system says about the address."""
        try:
            with _build_opener().open(request, timeout=self._timeout_seconds) as answer:
                status = int(answer.status)
        except urllib.error.HTTPError as error:
            error.close()
            return f"answered {error.code}"
        except urllib.error.URLError as error:
            return f"cannot be reached: {_name(error.reason)}"
        except (OSError, http.client.HTTPException, ValueError) as error:
            return f"gave no answer: {_name(error)}"
        return None if status <= MOST_SUCCESSFUL else f"answered {status}"


def _build_opener() -> urllib.request.OpenerDirector:
    opener = urllib.request.OpenerDirector()
    for handler in HANDLERS:
        opener.add_handler(handler())
    return opener


def sign(secret: str, timestamp: str, body: bytes) -> str:
    """The signature of a body that is sent at `timestamp`, in seconds since 1970."""
    signed = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256)
    return f"sha256={signed.hexdigest()}"


def _name(reason: object) -> str:
    """An error without what it may quote."""
    if isinstance(reason, TimeoutError):
        return "it did not answer in time"
    if isinstance(reason, socket.gaierror):
        return "its host is not known"
    if isinstance(reason, OSError) and reason.strerror:
        return reason.strerror
    return type(reason).__name__
