"""What a service manager is to the daemon: a datagram socket that it is told things by."""

from __future__ import annotations

import asyncio
import socket
from pathlib import Path
from types import TracebackType
from typing import Self

from tests.journeys.world import eventually


class Manager:
    """Hears all that is sent to NOTIFY_SOCKET; `heard` are its assignments in order, such as "READY=1"."""

    def __init__(self, address: Path | str) -> None:
        """`address` is a path, or a name in the abstract namespace after "@"."""
        self.address = str(address)
        self.heard: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)

    def __enter__(self) -> Self:
        self._socket.setblocking(False)
        name = self.address
        self._socket.bind("\0" + name[1:] if name.startswith("@") else name)
        asyncio.get_running_loop().add_reader(self._socket, self._read)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        asyncio.get_running_loop().remove_reader(self._socket)
        self._socket.close()

    def _read(self) -> None:
        self.heard += self._socket.recv(65_536).decode().splitlines()

    @property
    def statuses(self) -> list[str]:
        """The lines for `systemctl status`, in order."""
        return [one.removeprefix("STATUS=") for one in self.heard if one.startswith("STATUS=")]

    def count(self, message: str) -> int:
        """How often this was heard."""
        return self.heard.count(message)

    async def ready(self) -> None:
        """Returns when the daemon has said that its start is over."""
        await eventually(lambda: "READY=1" in self.heard, "the daemon is ready")
