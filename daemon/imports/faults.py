"""What is wrong with a whole file, and how much of one may be held at once."""

from __future__ import annotations

MAX_RECORD = 1024 * 1024
MAX_DEPTH = 32


class FileFault(Exception):  # noqa: N818 - says what is the case, like the contract's own errors
    """The file can't be read, or not from this line on."""

    def __init__(self, sentence: str, line: int | None = None) -> None:
        super().__init__(sentence if line is None else f"line {line}: {sentence}")
        self.line = line
