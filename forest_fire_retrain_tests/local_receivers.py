"""A mail relay and a webhook on this machine, which keep what they are sent and can misbehave."""

import base64
import datetime as dt
import ipaddress
import socketserver
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

OFFERED = {
    "EHLO": "250-relay\r\n250-STARTTLS\r\n250 AUTH PLAIN",
    "STARTTLS": "220 go on",
    "AUTH": "235 welcome",
}
"""Answers of a relay that knows TLS."""


@dataclass
class Relay:
    """What a mail relay was told.

    `refuses` is the answer to a receiver, where it is none that is kind; `is_mute` says nothing at all. With `context`
    it offers STARTTLS and login, and `logins` is what it was given for one.
    """

    host: str = "127.0.0.1"
    port: int = 0
    mails: list[bytes] = field(default_factory=list)
    envelopes: list[list[str]] = field(default_factory=list)
    refuses: str | None = None
    is_mute: bool = False
    context: ssl.SSLContext | None = None
    logins: list[bytes] = field(default_factory=list)
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def messages(self) -> list[EmailMessage]:
        parsed = [message_from_bytes(mail, policy=modern) for mail in self.mails]
        return [message for message in parsed if isinstance(message, EmailMessage)]


class _Talk(socketserver.StreamRequestHandler):
    """A conversation with a relay of the old kind: no 8BITMIME, and by itself neither TLS nor login."""

    relay: Relay

    def handle(self) -> None:
        if self.relay.is_mute:
            self.relay.let_go.wait(30)
            return
        self.say("220 relay")
        envelope: list[str] = []
        while line := self.rfile.readline():
            words = line.decode("ascii").strip()
            verb = words.partition(" ")[0].upper()
            envelope += [words] if verb in {"MAIL", "RCPT"} else []
            if verb == "AUTH":
                self.relay.logins.append(base64.b64decode(words.split()[2]))
            if verb == "DATA":
                self.say("354 go on")
                self.relay.mails.append(self.read_mail())
                self.relay.envelopes.append(envelope)
            self.say(self.answer(verb))
            if verb == "STARTTLS" and not self.begin_tls():
                return

    def answer(self, verb: str) -> str:
        if verb == "RCPT" and self.relay.refuses is not None:
            return self.relay.refuses
        if self.relay.context is not None and verb in OFFERED:
            return OFFERED[verb]
        return "250 fine" if verb in {"EHLO", "HELO", "MAIL", "RCPT", "RSET", "DATA", "QUIT"} else "502 not here"

    def begin_tls(self) -> bool:
        """Whether the other side trusts this one."""
        assert self.relay.context is not None
        self.request = self.relay.context.wrap_socket(self.request, server_side=True, do_handshake_on_connect=False)
        try:
            self.request.do_handshake()
        except ssl.SSLError:
            return False
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
        return True

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def read_mail(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_relay(context: ssl.SSLContext | None = None, *, speaks_tls_at_once: bool = False) -> Iterator[Relay]:
    """A relay that keeps what it is sent."""
    relay = Relay(context=context)
    server = socketserver.ThreadingTCPServer((relay.host, 0), type("Talk", (_Talk,), {"relay": relay}))
    if context is not None and speaks_tls_at_once:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with _serving(server) as port:
        relay.port = port
        yield relay
        relay.let_go.set()


@dataclass
class Hook:
    """What a webhook was sent: headers and body; `answers` is the status it answers with, unless it `is_mute`."""

    port: int = 0
    posts: list[tuple[dict[str, str], bytes]] = field(default_factory=list)
    answers: int = 204
    leads_to: str | None = None
    is_mute: bool = False
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/hooks/token-of-the-path"


@contextmanager
def webhook() -> Iterator[Hook]:
    """A receiver of posts."""
    hook = Hook()

    class Receive(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            hook.posts.append((dict(self.headers.items()), body))
            if hook.is_mute:
                hook.let_go.wait(30)
                return
            self.send_response(hook.answers)
            if hook.leads_to is not None:
                self.send_header("Location", hook.leads_to)
            self.end_headers()

        do_GET = do_POST  # noqa: N815 - the name that is looked for

        def log_message(self, *_: object) -> None:
            pass

    with _serving(ThreadingHTTPServer(("127.0.0.1", 0), Receive)) as port:
        hook.port = port
        yield hook
        hook.let_go.set()


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield int(server.server_address[1])
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def make_certificate(folder: Path) -> tuple[ssl.SSLContext, Path]:
    """A server's side of TLS at 127.0.0.1, and the file of the authority that a client has to trust for it."""
    key, now = Ed25519PrivateKey.generate(), dt.datetime.now(dt.UTC)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "a relay")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + dt.timedelta(1))
        .add_extension(address, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, None)
    )
    authority, own_key = folder / "authority.pem", folder / "key.pem"
    authority.write_bytes(certificate.public_bytes(Encoding.PEM))
    own_key.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(authority, own_key)
    return context, authority
