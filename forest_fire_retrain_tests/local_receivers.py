"""A mail relay and a webhook on this machine, which keep what they are sent and can misbehave."""

import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default as modern
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Relay:
    """What a mail relay was told.

    `refuses` is the answer to a receiver, where it is none that is kind; `is_mute` says nothing at all.
    """

    host: str = "127.0.0.1"
    port: int = 0
    mails: list[bytes] = field(default_factory=list)
    envelopes: list[list[str]] = field(default_factory=list)
    refuses: str | None = None
    is_mute: bool = False
    let_go: threading.Event = field(default_factory=threading.Event)

    @property
    def messages(self) -> list[EmailMessage]:
        parsed = [message_from_bytes(mail, policy=modern) for mail in self.mails]
        return [message for message in parsed if isinstance(message, EmailMessage)]


class _Talk(socketserver.StreamRequestHandler):
    """A conversation with a relay of the old kind: no TLS, no login, no 8BITMIME."""

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
            if verb == "DATA":
                self.say("354 go on")
                self.relay.mails.append(self.read_mail())
                self.relay.envelopes.append(envelope)
            self.say(self.answer(verb))

    def answer(self, verb: str) -> str:
        if verb == "RCPT" and self.relay.refuses is not None:
            return self.relay.refuses
        return "250 fine" if verb in {"EHLO", "HELO", "MAIL", "RCPT", "RSET", "DATA", "QUIT"} else "502 not here"

    def read_mail(self) -> bytes:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        return b"".join(lines)

    def say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())


@contextmanager
def mail_relay() -> Iterator[Relay]:
    """A relay that keeps what it is sent."""
    relay = Relay()
    with _serving(socketserver.ThreadingTCPServer((relay.host, 0), type("Talk", (_Talk,), {"relay": relay}))) as port:
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
