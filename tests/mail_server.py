"""A real mail server (aiosmtpd) on this machine, that keeps what it takes."""

from __future__ import annotations

import asyncio
import ssl
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session

from tests.certificates import Signer, certify, write

USER, PASSWORD = "shop@example.pl", "s3cret-mail-key"


@dataclass
class Kept:
    """What the server took; `refuses` are its answers to receivers. While `hold` is set, a mail is not answered."""

    port: int = 0
    senders: list[str] = field(default_factory=list)
    receivers: list[str] = field(default_factory=list)
    messages: list[EmailMessage] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    hold: asyncio.Event | None = None

    async def handle_RCPT(  # noqa: N802 - aiosmtpd finds its handlers by these names
        self, _server: SMTP, _session: Session, envelope: Envelope, address: str, _options: list[str]
    ) -> str:
        if address in self.refuses:
            return self.refuses[address]
        envelope.rcpt_tos.append(address)
        return "250 2.1.5 ok"

    async def handle_DATA(self, _server: SMTP, _session: Session, envelope: Envelope) -> str:  # noqa: N802 - likewise
        assert isinstance(envelope.content, bytes)
        assert envelope.mail_from is not None
        self.senders.append(envelope.mail_from)
        self.receivers += envelope.rcpt_tos
        self.messages.append(message_from_bytes(envelope.content, EmailMessage, policy=policy.default))
        if self.hold is not None:
            await self.hold.wait()
        return "250 2.0.0 taken"


def body(message: EmailMessage, kind: str) -> str:
    """The mail's text of a kind: plain or html."""
    part = message.get_body((kind,))
    assert part is not None
    return str(part.get_content())


@asynccontextmanager
async def mail_server(folder: Path, authority: Signer, *, at_once: bool = False) -> AsyncIterator[Kept]:
    """Serves on 127.0.0.1 as "localhost": with STARTTLS, or TLS at once; takes mails after a login only."""
    kept = Kept()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(write(folder / "mail-server.pem", certify("localhost", signer=authority)))

    def known(_server: SMTP, _session: Session, _envelope: Envelope, _mechanism: str, given: object) -> AuthResult:
        good = isinstance(given, LoginPassword) and (given.login, given.password) == (USER.encode(), PASSWORD.encode())
        return AuthResult(success=good, handled=False)

    def session() -> SMTP:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # with TLS at once it believes that it has none
            return SMTP(
                kept,
                hostname="localhost",
                tls_context=None if at_once else context,
                require_starttls=not at_once,
                auth_required=True,
                auth_require_tls=not at_once,
                authenticator=known,
            )

    loop = asyncio.get_running_loop()
    server = await loop.create_server(session, "127.0.0.1", 0, ssl=context if at_once else None)
    kept.port = int(server.sockets[0].getsockname()[1])
    try:
        yield kept
    finally:
        server.close()
