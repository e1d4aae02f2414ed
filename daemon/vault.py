"""The master key, and what is sealed with it: buyers' data in the store, and the accounts' tokens.

Whoever reads the disk or a backup without the key reads nothing; whoever changes a sealed value, or moves it to another
place, is found out.
"""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import re
import secrets
import stat
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orderferry.errors import NeedsLogin, Unavailable
from orderferry.oauth import Tokens, TokenStore

CREDENTIAL = "orderferry.key"
KEY_BYTES = 32
FORMAT = b"\x01"
NONCE_BYTES = 12
OVERHEAD = 1 + 4 + NONCE_BYTES + 16  # format, key id, nonce, tag

_FIRST_WAIT = 0.05
_LONGEST_WAIT = 1.0
_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9-]*")


class VaultError(Exception):
    """The key can't be used, or a sealed value can't be opened; the message says what to do."""


class Vault:
    """AES-256-GCM with one key; `key_id` tells keys apart and says nothing about them.

    The nonces are random, which is safe for 2**32 values of one key: a hundred orders a minute for eighty years.
    """

    def __init__(self, key: bytes) -> None:
        """`key` is 32 random bytes."""
        self._cipher = AESGCM(_whole(key, "what was given"))
        self._head = FORMAT + hashlib.sha256(b"orderferry key id\0" + key).digest()[:4]
        self.key_id = self._head[1:].hex()

    def __repr__(self) -> str:
        return f"Vault({self.key_id})"

    @classmethod
    def open(cls, data_dir: Path, environ: Mapping[str, str], *, create: bool = True) -> Self:
        """With the key of systemd's credential `orderferry.key`, else of the file `key` in the data folder.

        Where neither exists a new key is made, and is on disk when this returns; not so with `create=False`, or where
        there are sealed tokens already, since a new key could not open them. Raises `VaultError`.
        """
        folder = environ.get("CREDENTIALS_DIRECTORY")
        try:
            if folder and Path(folder, CREDENTIAL).exists():
                return cls(_whole(Path(folder, CREDENTIAL).read_bytes(), f"the credential {CREDENTIAL}"))
            path = data_dir / "key"
            if not path.exists():
                if not create or _has_tokens(data_dir):
                    raise VaultError(
                        f"there is sealed data, but {path} is missing; put the key back from your backup "
                        f"(or give it as the systemd credential {CREDENTIAL})"
                    )
                data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
                _make_key(path)
            key = _read_key(path)
            for draft in data_dir.glob("key.*.new"):  # left by a process that was killed while it made the key
                draft.unlink(missing_ok=True)
            return cls(key)
        except OSError as error:
            raise VaultError(f"the key can't be used: {error.strerror} ({error.filename})") from error

    def seal(self, plain: bytes, place: str) -> bytes:
        """The value sealed for this place, such as "doc|42"; `OVERHEAD` bytes longer. Never the same twice."""
        nonce = os.urandom(NONCE_BYTES)
        return self._head + nonce + self._cipher.encrypt(nonce, plain, place.encode())

    def unseal(self, sealed: bytes, place: str) -> bytes:
        """What was sealed for this very place; raises `VaultError` for anything else."""
        if sealed[:5] == self._head:
            try:
                return self._cipher.decrypt(sealed[5:17], sealed[17:], place.encode())
            except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
                text = "was changed, cut off or moved since it was sealed; restore it from a backup"
                raise VaultError(f"the sealed value of {place} {text}") from None
        if len(sealed) < OVERHEAD or sealed[:1] != FORMAT:
            raise VaultError(
                f"the value of {place} was not sealed by this version of the program; run the newer one, "
                "or restore the value from a backup"
            )
        raise VaultError(
            f"the value of {place} was sealed with the key {sealed[1:5].hex()}, but the key in use is {self.key_id}; "
            "put that key back"
        )


class TokenFiles:
    """The accounts' tokens, each sealed in a file of its own below `data_dir/tokens`.

    `sleep` is how a task waits while another process renews; tests hand in a virtual clock's.
    """

    def __init__(
        self, vault: Vault, data_dir: Path, *, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._vault = vault
        self._folder = data_dir / "tokens"
        self._sleep = sleep

    def for_account(self, name: str) -> TokenStore:
        """The store of one account, by its name in config.toml; nothing is touched on disk yet."""
        if not _ACCOUNT.fullmatch(name):
            raise ValueError(f"{name[:60]!r} is not an account's name")
        return _TokenFile(self._vault, self._folder, name, self._sleep)


class _TokenFile:
    """Implements `orderferry.oauth.TokenStore`: a disk that can't be used is `Unavailable`, a lost key `NeedsLogin`."""

    def __init__(self, vault: Vault, folder: Path, name: str, sleep: Callable[[float], Awaitable[None]]) -> None:
        self._vault = vault
        self._path = folder / name
        self._name = name
        self._place = f"tokens|{name}"
        self._sleep = sleep

    async def load(self) -> Tokens | None:
        return await asyncio.to_thread(self._load)

    async def save(self, tokens: Tokens) -> None:
        saving = asyncio.create_task(asyncio.to_thread(self._save, tokens))
        try:
            await asyncio.shield(saving)
        except asyncio.CancelledError:
            with suppress(Unavailable):  # the caller holds the lock: it must not go before the file is whole
                await saving
            raise

    def lock(self) -> AbstractAsyncContextManager[None]:
        return self._locked()

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[None]:
        """Tries again and again instead of waiting in a thread, which could not be cancelled.

        The lock file stays for ever: removing it would let two processes lock two files of one name.
        """
        try:
            _private_folder(self._path.parent)
            lock = os.open(self._path.with_name(f"{self._name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise self._unavailable("locked", error) from error
        try:
            wait = _FIRST_WAIT
            while not _try_lock(lock):
                await self._sleep(wait)
                wait = min(wait * 2, _LONGEST_WAIT)
            yield
        finally:
            os.close(lock)  # which lets the lock go

    def _load(self) -> Tokens | None:
        try:
            sealed = self._path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unavailable("read", error) from error
        try:
            return msgspec.json.decode(self._vault.unseal(sealed, self._place), type=Tokens)
        except (VaultError, msgspec.MsgspecError) as error:
            text = f"the tokens of {self._name} can't be opened ({error})"
            raise NeedsLogin(f"{text}; or run `orderferry login {self._name}`") from error

    def _save(self, tokens: Tokens) -> None:
        sealed = self._vault.seal(msgspec.json.encode(tokens), self._place)
        try:
            _private_folder(self._path.parent)
            replace_file(self._path, sealed)
        except OSError as error:
            raise self._unavailable("saved", error) from error

    def _unavailable(self, done: str, error: OSError) -> Unavailable:
        return Unavailable(f"the tokens of {self._name} can't be {done}: {error.strerror} ({self._path})")


_replacing = threading.Lock()  # two threads of one process would share a draft


def replace_file(path: Path, content: bytes) -> None:
    """Puts the content into the file, 0600; whenever the machine stops, the file has either all the old or all the new.

    On disk when it returns. A draft that a killed process left is overwritten by the next one of its number.
    """
    draft = path.with_name(f"{path.name}.{os.getpid()}.new")
    with _replacing:
        try:
            _write(draft, content, os.O_TRUNC)
            os.replace(draft, path)  # noqa: PTH105 - the tests of killed processes stand in for `os`
        except OSError:
            with suppress(OSError):
                draft.unlink()
            raise
        _sync_folder(path.parent)


def _make_key(path: Path) -> None:
    """Makes the whole key beside its place and links it in, so that no start ever sees half a key or replaces one."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}.new")
    try:
        _write(draft, secrets.token_bytes(KEY_BYTES), os.O_EXCL)
        with suppress(FileExistsError, FileNotFoundError):  # another process was first: its key counts
            os.link(draft, path)
    finally:
        draft.unlink(missing_ok=True)
    _sync_folder(path.parent)


def _read_key(path: Path) -> bytes:
    with path.open("rb") as file:
        state = os.fstat(file.fileno())
        if not stat.S_ISREG(state.st_mode):
            raise VaultError(f"{path} is not a file; put the key back from your backup")
        if state.st_uid != os.geteuid():
            raise VaultError(
                f"{path} belongs to another user (number {state.st_uid}); run the program as that user, "
                "or give him the folder with `chown -R`"
            )
        if state.st_mode & 0o077:
            raise VaultError(f"others on this machine can open {path}; run `chmod 600 {path}`")
        return _whole(file.read(KEY_BYTES + 1), str(path))


def _whole(key: bytes, what: str) -> bytes:
    if len(key) != KEY_BYTES:
        raise VaultError(f"{what} is not a key: it must have exactly {KEY_BYTES} bytes; put the right one back")
    return key


def _has_tokens(data_dir: Path) -> bool:
    folder = data_dir / "tokens"
    return folder.is_dir() and any(_ACCOUNT.fullmatch(path.name) for path in folder.iterdir())


def _private_folder(folder: Path) -> None:
    try:
        folder.mkdir(mode=0o700, parents=True)
    except FileExistsError:
        if stat.S_IMODE(folder.stat().st_mode) != 0o700:
            folder.chmod(0o700)
    else:
        _sync_folder(folder.parent)


def _write(path: Path, content: bytes, how: int) -> None:
    number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC | how, 0o600)
    with os.fdopen(number, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(number)


def _sync_folder(folder: Path) -> None:
    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def _try_lock(number: int) -> bool:
    try:
        fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
