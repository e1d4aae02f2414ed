"""One connection to the mail server for each mail: opened, logged in, used, and closed."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncIterator, Iterator

from aiosmtplib import SMTP, SMTPException, SMTPResponseException

from orderferry import NeedsLogin, Unavailable
from plugins.smtp.answers import Step, broken, refused
from plugins.smtp.mapping import Letter
from plugins.smtp.settings import SmtpSettings, read_address

ANSWER = 30.0  # seconds for each answer
TAKEN = 120.0  # for the last one, in which the server may still look for spam
GOODBYE = 2.0


class SmtpClient:
    """Hands letters to one server; may be used for several at once."""

    def __init__(self, settings: SmtpSettings) -> None:
        self._settings = settings
        self._tls: ssl.SSLContext | None = None

    async def prove(self) -> None:
        """Connects and logs in, and sends nothing; raises what is wrong."""
        async with self._session():
            pass

    async def send(self, letter: Letter) -> None:
        """Returns once the server has taken the letter; raises `Unsure` wherever it may have."""
        async with self._session() as session:
            with _at(Step.SENDER, letter.to):
                await session.mail(letter.sender)
            with _at(Step.RECEIVER, letter.to):
                await session.rcpt(letter.to)
            with _at(Step.CONTENT, letter.to):
                await session.data(letter.content, timeout=TAKEN)

    @contextlib.asynccontextmanager
    async def _session(self) -> AsyncIterator[SMTP]:
        settings = self._settings
        security = settings.security
        sender = read_address(settings.sender)
        context = None if security == "none" else self._context()
        session = SMTP(
            hostname=settings.host,
            port=settings.at_port,
            local_hostname=settings.hello or (sender.domain if sender else "localhost"),
            timeout=ANSWER,
            use_tls=security == "tls",
            start_tls=False,
            tls_context=context,
        )
        try:
            with _at(Step.GREETING):
                await session.connect()
                if security == "starttls":
                    await self._encrypt(session, context)
            if settings.user is not None and settings.password is not None:
                with _at(Step.LOGIN):
                    await self._log_in(session, settings.user, settings.password.reveal())
            yield session
            with contextlib.suppress(SMTPException, OSError):  # all that mattered is done
                await session.quit(timeout=GOODBYE)
        finally:
            session.close()

    async def _encrypt(self, session: SMTP, context: ssl.SSLContext | None) -> None:
        await session.ehlo()
        if not session.supports_extension("starttls"):
            raise Unavailable('the mail server offers no STARTTLS here; security = "tls" and its port may be right')
        await session.starttls(tls_context=context)

    async def _log_in(self, session: SMTP, user: str, password: str) -> None:
        await session.ehlo()
        if not session.supported_auth_methods:
            raise NeedsLogin("the mail server offers no login here; is this its port for sending mail (587 or 465)?")
        await session.login(user, password)

    def _context(self) -> ssl.SSLContext:
        if self._tls is None:
            try:
                self._tls = ssl.create_default_context(cafile=self._settings.ca_file)
            except (OSError, ssl.SSLError) as error:
                raise Unavailable(f"ca_file can't be used: {error.strerror or type(error).__name__}") from error
        return self._tls


@contextlib.contextmanager
def _at(step: Step, receiver: str = "") -> Iterator[None]:
    """Whatever goes wrong inside becomes the contract's error for this step, without the library's own words."""
    try:
        yield
    except SMTPResponseException as error:
        raise refused(step, error.code, error.message, receiver) from None
    except ssl.SSLCertVerificationError as error:
        raise Unavailable(f"the mail server's certificate is refused: {error.verify_message}") from error
    except SMTPException as error:
        cause = error.__cause__ or error.__context__
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise Unavailable(f"the mail server's certificate is refused: {cause.verify_message}") from error
        raise broken(step, type(cause or error).__name__) from None
    except (OSError, ValueError) as error:  # the second: a name that can't be a host's, a letter that can't be sent
        raise broken(step, type(error).__name__) from None
