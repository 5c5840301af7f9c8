"""Tell people by mail: through any relay, with or without TLS and login, as the settings say."""

import datetime as dt
import smtplib
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email.message import EmailMessage
from email.policy import SMTP as MAIL_POLICY
from email.utils import format_datetime

from forest_fire_retrain.adapters.notify_settings import NotifySettings, TlsMode
from forest_fire_retrain.core.errors import NotSentError
from forest_fire_retrain.core.notices.notice import Notice, one_line

LONGEST_ANSWER = 200
POLICY = MAIL_POLICY.clone(cte_type="7bit")  # a relay need not know 8BITMIME


class Mail:
    """Sends each notice as a mail.

    Parameters
    ----------
    settings : NotifySettings
        With a host, a sender and receivers.
    """

    def __init__(self, settings: NotifySettings) -> None:
        self._settings = settings

    def send(self, notice: Notice, identity: str, now: dt.datetime) -> None:
        """Hand one mail to the relay.

        Raises
        ------
        NotSentError
            If the relay cannot be reached in time, or refuses the mail, the login or all receivers. One that refuses
            some receivers took the mail: sent again, it would come to the others at every attempt.
        """
        where = f"the relay {self._settings.smtp_host}:{self._settings.smtp_port}"
        try:
            message = write_mail(notice, identity, now, self._settings)
            with self._connected() as relay:
                relay.send_message(message, self._settings.mail_from, list(self._settings.recipients))
        except smtplib.SMTPAuthenticationError as error:  # what it says may hold what was sent
            msg = f"{where} refused the login ({error.smtp_code})"
            raise NotSentError(msg) from None
        except smtplib.SMTPException as error:
            msg = f"{where} did not take the mail: {self._describe(error)}"
            raise NotSentError(msg) from None
        except (OSError, UnicodeError, ValueError) as error:
            msg = f"{where} cannot be used: {self._describe(error)}"
            raise NotSentError(msg) from None

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        settings, own_name = self._settings, socket.gethostname() or "localhost"
        host, port, seconds = settings.smtp_host or "", settings.smtp_port, settings.timeout_seconds
        # The own name is given: smtplib would ask for it, and wait for a name server that does not answer.
        if settings.smtp_tls is TlsMode.TLS:
            context = ssl.create_default_context()
            relay: smtplib.SMTP = smtplib.SMTP_SSL(
                host, port, local_hostname=own_name, timeout=seconds, context=context
            )
        else:
            relay = smtplib.SMTP(host, port, local_hostname=own_name, timeout=seconds)
        try:
            if settings.smtp_tls is TlsMode.STARTTLS:
                relay.starttls(context=ssl.create_default_context())
            if settings.smtp_user and settings.smtp_password:
                relay.login(settings.smtp_user, settings.smtp_password.get_secret_value())
            yield relay
        finally:
            with suppress(smtplib.SMTPException, OSError):  # it was taken, or it failed already
                relay.quit()
            relay.close()

    def _describe(self, error: Exception) -> str:
        said = str(error)
        if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException):
            said = error.strerror or said
        text = one_line(said, LONGEST_ANSWER) or type(error).__name__
        password = self._settings.smtp_password
        return text if password is None else text.replace(password.get_secret_value(), "***")


def write_mail(notice: Notice, identity: str, now: dt.datetime, settings: NotifySettings) -> EmailMessage:
    """The mail that tells a notice; a repeat has the same Message-ID."""
    message = EmailMessage(policy=POLICY)
    message["Subject"] = notice.subject
    message["From"] = settings.mail_from
    message["To"] = ", ".join(settings.recipients)
    message["Date"] = format_datetime(now.astimezone(dt.UTC))
    message["Message-ID"] = f"<{identity}@forest-fire.invalid>"
    message["Auto-Submitted"] = "auto-generated"
    message["X-Forest-Fire-Kind"] = str(notice.kind)
    row = "" if notice.row is None else f"\nLedger row: {notice.row}"
    remedy = f"{notice.remedy}\n\n" if notice.remedy else ""
    at = notice.at.astimezone(dt.UTC).isoformat(timespec="seconds")
    message.set_content(f"{notice.sentence}\n\n{remedy}At: {at}{row}\nNotice: {notice.key}\n")
    return message
