"""A mail -> the message as it travels (RFC 5322), its addresses checked before anything is sent."""

from __future__ import annotations

from datetime import datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from typing import NamedTuple

from orderferry import Mail, Rejected
from plugins.smtp.settings import SmtpSettings, read_address


class Letter(NamedTuple):
    """What is handed to the server: the envelope's two addresses, and the message with its lines ended by CRLF."""

    sender: str
    to: str
    content: bytes


def compose(mail: Mail, settings: SmtpSettings, now: datetime) -> Letter:
    """Makes the message; raises `Rejected` where it can have no such receiver.

    Its Message-ID is made of the mail's id alone, so that a second one is the same to every mail program. It is marked
    as sent by a machine (RFC 3834), so that nobody's absence note answers it.
    """
    sender, to = read_address(settings.sender), read_address(mail.to)
    if to is None or to.addr_spec != mail.to.strip():
        raise Rejected("what the order has as the buyer's e-mail address is none")
    if sender is None:
        raise Rejected("the sender in config.toml is no address")
    if not (to.username.isascii() and to.domain.isascii()):
        raise Rejected("the buyer's e-mail address has letters that most mail servers can't carry")
    message = EmailMessage(policy=SMTP)
    message["From"] = sender
    message["To"] = Address(username=to.username, domain=to.domain)
    if settings.reply_to is not None:
        message["Reply-To"] = read_address(settings.reply_to)
    message["Subject"] = mail.subject
    message["Date"] = format_datetime(now)
    message["Message-ID"] = f"<{mail.id}@{sender.domain}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(mail.text, cte="quoted-printable")
    if mail.html is not None:
        message.add_alternative(mail.html, subtype="html", cte="quoted-printable")
    return Letter(sender.addr_spec, to.addr_spec, message.as_bytes())
