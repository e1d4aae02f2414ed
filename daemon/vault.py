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
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from typing import Self

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from orderferry.errors import NeedsLogin, Unavailable
from orderferry.oauth import Tokens, TokenStore

CREDENTIAL = "orderferry.key"
KEY, NEXT = "key", "key.next"
KEY_BYTES = 32
FORMAT = b"\x01"
NONCE_BYTES = 12
OVERHEAD = 1 + 4 + NONCE_BYTES + 16  # format, key id, nonce, tag

_FIRST_WAIT = 0.05
_LONGEST_WAIT = 1.0
_ACCOUNT = re.compile(r"[a-z0-9][a-z0-9-]*")


class VaultError(Exception):
    """The key can't be used, or a sealed value can't be opened; the message says what to do."""


class OtherKeyError(VaultError):
    """A value was sealed with a key that is not at hand; the message names it, and says to put it back."""


class Vault:
    """AES-256-GCM; `key_id` tells keys apart and says nothing about them.

    While the key is being changed there are two: what is new is sealed with the first, and values of either are opened.
    The nonces are random, which is safe for 2**32 values of one key: a hundred orders a minute for eighty years.
    """

    def __init__(self, key: bytes, *others: bytes) -> None:
        """Each key is 32 random bytes; `others` only open."""
        self._ciphers = {key_head(one): AESGCM(one) for one in (key, *others)}
        self.head = key_head(key)
        self.key_id = self.head[1:].hex()

    def __repr__(self) -> str:
        return f"Vault({self.key_id})"

    @classmethod
    def open(cls, data_dir: Path, environ: Mapping[str, str], *, create: bool = True) -> Self:
        """With the key of systemd's credential `orderferry.key`, else of the file `key` in the data folder.

        A key that is to come (the credential `orderferry.key.next`, or the file `key.next`) seals already, and the
        present one opens what it has sealed. Where there is no key a new one is made, and is on disk when this returns;
        not so with `create=False`, or where there are sealed tokens already, since a new key could not open them.
        Raises `VaultError`.
        """
        try:
            coming = keys_to_come(data_dir, environ)  # first: the change of a key ends by moving the one into the other
            present = present_key(data_dir, environ, create=create)
            if credential_file(environ):
                forget_next(data_dir, lambda key: key == present)  # a person has put the new one in the old one's place
            return cls(*coming, present)
        except OSError as error:
            raise VaultError(f"the key can't be used: {error.strerror} ({error.filename})") from error

    def seal(self, plain: bytes, place: str) -> bytes:
        """The value sealed for this place, such as "doc|42"; `OVERHEAD` bytes longer. Never the same twice."""
        nonce = os.urandom(NONCE_BYTES)
        return self.head + nonce + self._ciphers[self.head].encrypt(nonce, plain, place.encode())

    def unseal(self, sealed: bytes, place: str) -> bytes:
        """What was sealed for this very place; raises `VaultError` for anything else."""
        cipher = self._ciphers.get(sealed[:5])
        if cipher is not None:
            try:
                return cipher.decrypt(sealed[5:17], sealed[17:], place.encode())
            except (InvalidTag, ValueError):  # ValueError: too short to hold a nonce
                text = "was changed, cut off or moved since it was sealed; restore it from a backup"
                raise VaultError(f"the sealed value of {place} {text}") from None
        if len(sealed) < OVERHEAD or sealed[:1] != FORMAT:
            raise VaultError(
                f"the value of {place} was not sealed by this version of the program; run the newer one, "
                "or restore the value from a backup"
            )
        raise OtherKeyError(
            f"the value of {place} was sealed with the key {sealed[1:5].hex()}, but the key in use is {self.key_id}; "
            "put that key back"
        )

    def prove(self, samples: Iterable[tuple[bytes, str]]) -> None:
        """Raises `OtherKeyError` where none of these values, each with its place, opens, and one is of another key."""
        other = None
        for sealed, place in samples:
            try:
                self.unseal(sealed, place)
            except OtherKeyError as error:
                other = error
            except VaultError:  # one damaged value says nothing about the key
                continue
            else:
                return
        if other is not None:
            raise other


def key_head(key: bytes) -> bytes:
    """How each value begins that this key has sealed: the format, and the key's id."""
    return FORMAT + hashlib.sha256(b"orderferry key id\0" + _whole(key, "what was given")).digest()[:4]


def credential_file(environ: Mapping[str, str], name: str = CREDENTIAL) -> Path | None:
    """The file of this systemd credential, where there is one."""
    folder = environ.get("CREDENTIALS_DIRECTORY")
    return Path(folder, name) if folder and Path(folder, name).exists() else None


def present_key(data_dir: Path, environ: Mapping[str, str], *, create: bool = False) -> bytes:
    """The key in use, as `Vault.open` finds it; raises `VaultError` and `OSError`."""
    credential = credential_file(environ)
    if credential is not None:
        return _whole(credential.read_bytes(), f"the credential {CREDENTIAL}")
    path = data_dir / KEY
    if not path.exists():
        if not create or _has_tokens(data_dir):
            raise VaultError(
                f"there is sealed data, but {path} is missing; put the key back from your backup "
                f"(or give it as the systemd credential {CREDENTIAL})"
            )
        data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        _make_key(path)
    key = read_key(path)
    for draft in data_dir.glob("key.*.new"):  # left by a process that was killed while it made the key
        draft.unlink(missing_ok=True)
    return key


def keys_to_come(data_dir: Path, environ: Mapping[str, str]) -> list[bytes]:
    """The keys to which the present one is being changed, the one that seals first; mostly none.

    Raises `VaultError` and `OSError`.
    """
    found = []
    credential = credential_file(environ, f"{CREDENTIAL}.next")
    if credential is not None:
        found.append(_whole(credential.read_bytes(), f"the credential {CREDENTIAL}.next"))
    with suppress(FileNotFoundError):  # it may become the present one at this very moment
        found.append(read_key(data_dir / NEXT))
    return found


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

    def names(self) -> list[str]:
        """The accounts that have tokens."""
        if not self._folder.is_dir():
            return []
        return sorted(path.name for path in self._folder.iterdir() if _ACCOUNT.fullmatch(path.name))

    def reseal(self, name: str) -> bool:
        """Seals an account's tokens anew where another key than the first has sealed them; says whether it did.

        Raises `VaultError` where they can't be opened, `BlockingIOError` while another process renews them.
        """
        path, place = self._folder / name, f"tokens|{name}"
        lock = os.open(self._folder / f"{name}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            for draft in self._folder.glob(f"{name}.*.new"):  # left by a process that was killed
                draft.unlink()
            sealed = path.read_bytes()
            if sealed.startswith(self._vault.head):
                return False
            replace_file(path, self._vault.seal(self._vault.unseal(sealed, place), place))
        finally:
            os.close(lock)
        return True

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


def forget_next(data_dir: Path, needless: Callable[[bytes], bool]) -> None:
    """Deletes the key that is to come, where it is needless; raises `VaultError` and `OSError`."""
    with suppress(FileNotFoundError):
        if needless(read_key(data_dir / NEXT)):
            (data_dir / NEXT).unlink()


def read_key(path: Path) -> bytes:
    """The key in a file that must be its owner's alone; raises `VaultError` and `OSError`."""
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
