"""Buyers' data and secrets as canaries: what a store keeps sealed must stand nowhere in the open, whatever a test did.

After every test, each data folder that it left is opened with its key. What the sealed orders say of their buyers, the
keys in config.toml and the tokens are then looked for in all that is open: the store with its journal and its WAL, its
backups and copies, the tokens' files, whatever else lies there, and what the program logged and answered. They are
looked for plain, URL-encoded, in base64 and as JSON escapes.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import tomli

from daemon.core.redaction import personal
from daemon.vault import Vault, VaultError
from orderferry import Order
from orderferry.oauth import Tokens
from orderferry.testing.memory import forms

STORE = "orders.db"
MOST = 20  # orders at each end of a store: enough for every way that data can take, and quick in a store of thousands
SHORTEST = 5
_SEALED = (
    ("select 'document|' || order_id, body from document order by order_id", Order),
    ("select 'forwarded|' || order_id || '|' || account, body from forwarded order by order_id", Order),
)
_SECRET_KEY = re.compile(r"secret|password|token|(^|_)key$")


def leaks(folder: Path, spare_key: bytes, logged: bytes = b"") -> list[str]:
    """Where below this folder something personal or secret stands in the open, each in a line that doesn't repeat it.

    `spare_key` is that of stores that have no file `key` beside them, `logged` what the test's own process logged.
    """
    found = []
    for store in sorted(folder.rglob(STORE)):
        data_dir = store.parent
        canaries = {*_of_store(data_dir, spare_key), *_of_settings(folder)}
        for path in sorted(set(_files(data_dir)) | set(folder.rglob("*.log"))):
            content = path.read_bytes()
            found += [f"{path.relative_to(folder)} has {what}" for what in carried(content, canaries)]
        found += [f"the log has {what}" for what in carried(logged, canaries)]
    return found


def carried(content: bytes, canaries: Iterable[tuple[str, str]]) -> Iterator[str]:
    """What kinds of canaries the content carries."""
    for what, canary in canaries:
        if any(form.encode() in content for form in forms(canary)):
            yield what


def _files(data_dir: Path) -> Iterator[Path]:
    for path in data_dir.rglob("*"):
        if path.is_file() and not path.name.startswith("key"):
            yield path


def _of_store(data_dir: Path, spare_key: bytes) -> Iterator[tuple[str, str]]:
    key = data_dir / "key"
    vault = Vault(key.read_bytes() if key.exists() else spare_key)
    for path in (data_dir / "tokens").glob("*"):
        if (tokens := _opened(vault, path.read_bytes(), f"tokens|{path.name}", Tokens)) is not None:
            yield from (("a token", token) for token in (tokens.access, tokens.refresh) if token)
    for place, body, kind in _ends(data_dir / STORE):
        if (order := _opened(vault, body, place, kind)) is not None:
            yield from (("a buyer's data", value) for value in personal(order) if len(value) >= SHORTEST)


def _ends(store: Path) -> Iterator[tuple[str, bytes, Any]]:
    try:
        connection = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
    except sqlite3.Error:
        return
    try:
        for query, kind in _SEALED:
            rows = connection.execute(query).fetchall()
            for place, body in (*rows[:MOST], *rows[MOST:][-MOST:]):
                yield place, body, kind
    except sqlite3.Error:  # a test has damaged it: nothing to look for
        return
    finally:
        connection.close()


def _opened(vault: Vault, sealed: bytes, place: str, kind: Any) -> Any:  # a value of that kind
    decode = msgspec.json.decode if kind is Tokens else msgspec.msgpack.decode
    try:
        return decode(vault.unseal(sealed, place), type=kind)
    except (VaultError, msgspec.MsgspecError):
        return None


def _of_settings(folder: Path) -> Iterator[tuple[str, str]]:
    for path in folder.glob("*.toml"):
        try:
            document = tomli.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError):
            continue
        yield from (("a secret of the settings", secret) for secret in _secrets(document))


def _secrets(table: dict[str, Any]) -> Iterator[str]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _secrets(value)
        elif isinstance(value, str) and _SECRET_KEY.search(key) and len(value) >= SHORTEST:
            yield value
