"""What can be set of alerts; pydantic only, so that reading settings stays quick.

Rules
-----
- Nothing is set by default, and then nobody is told anything. Several channels at once are fine.
- A password, a secret and a webhook's address, which often holds a token, are of a type that hides them.
"""

import re
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

MAILBOX = re.compile(r"""[^\s@<>(),;:"'\[\]\\]+(@[^\s@<>(),;:"'\[\]\\]+)?""")
"""An address as a relay takes it; an internal one may do without a domain."""


class TlsMode(StrEnum):
    """How a mail relay is talked to."""

    OFF = "off"
    STARTTLS = "starttls"
    TLS = "tls"


class NotifySettings(BaseModel):
    """Where alerts go.

    Attributes
    ----------
    file : Path, optional
        File that gets one JSON object per line.
    smtp_host, smtp_port : str, int
        The mail relay.
    smtp_tls : TlsMode
        `off`, `starttls` or `tls`.
    smtp_user, smtp_password : str, SecretStr, optional
        Login, where the relay wants one.
    mail_from, mail_to : str, optional
        Sender; receivers, separated by commas.
    webhook_url, webhook_secret : SecretStr, optional
        Where JSON is posted to, and what it is signed with.
    timeout_seconds : float
        Longest wait for one answer of a relay or webhook.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", validate_default=True, hide_input_in_errors=True)

    file: Path | None = None
    smtp_host: str | None = None
    smtp_port: Annotated[int, Field(ge=1, le=65535)] = 25
    smtp_tls: TlsMode = TlsMode.OFF
    smtp_user: str | None = None
    smtp_password: SecretStr | None = None
    mail_from: str | None = None
    mail_to: str | None = None
    webhook_url: SecretStr | None = None
    webhook_secret: SecretStr | None = None
    timeout_seconds: Annotated[float, Field(gt=0, le=30)] = 10.0

    @property
    def recipients(self) -> tuple[str, ...]:
        """Everybody who gets mail."""
        return tuple(part.strip() for part in (self.mail_to or "").split(",") if part.strip())

    @property
    def is_any(self) -> bool:
        """Whether anybody is told anything."""
        return self.file is not None or self.smtp_host is not None or self.webhook_url is not None

    @field_validator("file")
    @classmethod
    def _make_absolute(cls, path: Path | None) -> Path | None:
        return None if path is None else path.expanduser().resolve()

    @field_validator("smtp_host", "smtp_user", "mail_from", "mail_to")
    @classmethod
    def _refuse_control_characters(cls, text: str | None) -> str | None:
        if text is not None and not (text.strip() and text.isprintable()):
            msg = "must not be empty or hold line breaks or other control characters"
            raise ValueError(msg)
        return text

    @field_validator("mail_from", "mail_to")
    @classmethod
    def _know_mailboxes(cls, text: str | None) -> str | None:
        if text is not None and not all(MAILBOX.fullmatch(part.strip()) for part in text.split(",")):
            msg = "must be addresses such as duty@park.example, without names, separated by commas"
            raise ValueError(msg)
        return text

    @field_validator("webhook_url")
    @classmethod
    def _know_address(cls, address: SecretStr | None) -> SecretStr | None:
        if address is None:
            return None
        text = address.get_secret_value()
        try:
            parts = urlsplit(text)
            is_web = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
        except ValueError:
            is_web = False
        if not (is_web and text.isascii() and text.isprintable() and " " not in text):
            msg = "must be an address that begins with http:// or https:// and holds no blanks"
            raise ValueError(msg)
        if "@" in parts.netloc:
            msg = "must not hold a user or password; posts are signed with FOREST_FIRE_NOTIFY__WEBHOOK_SECRET"
            raise ValueError(msg)
        return address

    @model_validator(mode="after")
    def _check_together(self) -> Self:
        faults = [
            *self._find_mail_faults(),
            *self._find_halves("webhook_url", "webhook_secret"),
            *self._find_halves("smtp_user", "smtp_password"),
        ]
        if faults:
            raise ValueError("; ".join(faults))
        return self

    def _find_mail_faults(self) -> list[str]:
        """A relay needs a sender and receivers, and those need a relay."""
        given = {"mail_from": bool(self.mail_from), "mail_to": bool(self.recipients)}
        if self.smtp_host is None:
            needless = [name for name in (*given, "smtp_user") if getattr(self, name) is not None]
            return [f"{_variable(name)} is set, but {_variable('smtp_host')} is not" for name in needless]
        lacking = [name for name, is_given in given.items() if not is_given]
        return [f"{_variable('smtp_host')} is set, but {_variable(name)} is not" for name in lacking]

    def _find_halves(self, one: str, other: str) -> list[str]:
        given = [name for name in (one, other) if getattr(self, name)]
        if len(given) != 1:
            return []
        return [f"{_variable(given[0])} is set, but {_variable(other if given[0] == one else one)} is not"]


def _variable(name: str) -> str:
    return f"FOREST_FIRE_NOTIFY__{name.upper()}"
