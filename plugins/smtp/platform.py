"""The platform's hooks: sending, and proving the login."""

from __future__ import annotations

from typing import ClassVar

from orderferry import Account, Capability, CheckReport, Mail, Platform, Role, hookimpl
from plugins.smtp.client import SmtpClient
from plugins.smtp.mapping import compose
from plugins.smtp.settings import SmtpSettings


class Smtp(Platform[SmtpSettings]):
    """A mail server for sending (RFC 5321, RFC 6409)."""

    id = "smtp"
    title = "Mail server (SMTP)"
    role = Role.MAIL
    Settings = SmtpSettings
    capabilities = Capability.SEND_MAIL
    concurrency: ClassVar[int] = 2
    call_limit: ClassVar[float] = 600.0  # longer than all the answers together may take: only we know what was sent

    def __init__(self, account: Account[SmtpSettings]) -> None:
        super().__init__(account)
        self._client = SmtpClient(account.settings)

    @hookimpl
    async def send_mail(self, mail: Mail) -> None:
        """Hands the mail to the server, on a connection of its own."""
        letter = compose(mail, self.account.settings, self.account.clock.now())
        await self._client.send(letter)

    @hookimpl
    async def check(self) -> CheckReport:
        """Connects and logs in; sends nothing."""
        await self._client.prove()
        settings = self.account.settings
        how = {"tls": "with TLS", "starttls": "with STARTTLS", "none": "without encryption"}[settings.security]
        login = f"logged in as {settings.user}" if settings.user is not None else "without a login"
        return CheckReport(summary=f"reached {settings.host}:{settings.at_port} {how}, {login}; nothing was sent")
