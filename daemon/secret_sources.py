"""Where a secret of config.toml comes from: the file itself, another file, the environment, or a systemd credential.

No complaint shows what was written, since a seller may have put the secret itself where its name belongs.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Mapping
from pathlib import Path

from msgspec import Struct

MAX_SECRET = 64 * 1024
SOURCES = ("file", "env", "credential")


class WrongValueError(ValueError):
    """What is wrong with a value, as the sentence that the reader of the file gets."""


class FoundSecret(Struct, frozen=True):
    """A secret's text, whether it stands in config.toml itself, and what the seller should know of its file."""

    text: str
    plain: bool = False
    warning: str | None = None

    def __repr__(self) -> str:
        return "FoundSecret(***)"


def find_secret(raw: str | Mapping[str, object], path: Callable[[str], Path], env: Mapping[str, str]) -> FoundSecret:
    """Follows a text, or a table of one source; raises `WrongValueError`. `path` makes a path absolute."""
    if isinstance(raw, str):
        check_text(raw)
        return FoundSecret(raw, plain=True)
    if len(raw) != 1 or not set(raw) <= set(SOURCES):
        one = 'one of { file = "..." }, { env = "..." }, { credential = "..." }'
        raise WrongValueError(f"found a table, write just {one}")
    ((source, name),) = raw.items()
    if not isinstance(name, str):
        raise WrongValueError(f'after {source} = there must be text in "quotes"')
    check_text(name)
    if source == "env":
        found = FoundSecret(env.get(name, ""))
        if not found.text.strip():
            raise WrongValueError("the environment variable that it names is not set, or is empty")
    elif source == "credential":
        found = FoundSecret(_content(_credential(name, env), "the credential that it names")[0])
    else:
        file = path(name)
        where = "" if name.startswith(("/", "~")) else f", looked for from {path('.')},"
        text, mode = _content(file, f"the file that it names{where}")
        others = f"others on this machine can read {file}; run `chmod 600` on it"
        found = FoundSecret(text, warning=others if mode & (stat.S_IRGRP | stat.S_IROTH) else None)
    check_text(found.text)
    return found


def check_text(text: str) -> None:
    """Refuses a text that has nothing in it, or what no key, name or address can have."""
    if not text.strip():
        raise WrongValueError("is empty")
    if any(ord(letter) < 32 or ord(letter) == 127 for letter in text):
        raise WrongValueError("has a line break, a tab or another control character in it; write it in one line")


def _credential(name: str, env: Mapping[str, str]) -> Path:
    folder = env.get("CREDENTIALS_DIRECTORY")
    if not folder:
        put = "put LoadCredential= into the service, or write { file = ... }"
        raise WrongValueError(f"systemd gives credentials, but $CREDENTIALS_DIRECTORY is not set; {put}")
    if "/" in name or name in {".", ".."}:
        raise WrongValueError("a credential has a plain name, without folders")
    return Path(folder, name)


def _content(path: Path, what: str) -> tuple[str, int]:
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode):
            raise WrongValueError(f"{what} is not a file with a secret in it")
        with path.open("rb") as file:
            content = file.read(MAX_SECRET + 1)
    except OSError as error:
        raise WrongValueError(f"{what} can't be read ({os.strerror(error.errno or 0)})") from None
    if len(content) > MAX_SECRET:
        raise WrongValueError(f"{what} is far too long for a secret")
    try:
        text = content.decode("utf-8-sig").rstrip("\r\n")
    except UnicodeDecodeError:
        raise WrongValueError(f"{what} is not a text in UTF-8") from None
    if not text.strip():
        raise WrongValueError(f"{what} is empty")
    return text, mode
