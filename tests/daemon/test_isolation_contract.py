"""The contract's own tests against platforms behind the boundary of a process: nothing may get lost on the way.

Both sides run in this process, on the test's virtual clock, and speak through a real socket with the real encoding.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, cast

import pytest

from daemon.isolation.hosted import Hosted, RemoteTokens
from daemon.isolation.peer import Peer
from daemon.isolation.remote import Surroundings, remote
from daemon.isolation.values import Begin, decode_answer, decode_settings, encode, encode_arguments
from orderferry import Account
from orderferry.platform import AnyPlatform
from orderferry.testing.account import OpenAccount
from tests.plugins.allegro import test_contract as allegro
from tests.plugins.prestashop import test_contract as prestashop
from tests.plugins.woocommerce import test_contract as woocommerce


class Boundary:
    """Two peers joined by a socket: at one end the daemon's side, at the other the plugin's."""

    def __init__(self, kind: type[AnyPlatform], given: Account[Any]) -> None:
        self._kind = kind
        self._given = given
        self._surroundings = Surroundings(given.tokens, given.log)
        self._ours: Peer | None = None
        self._connecting = asyncio.Lock()

    def platform(self) -> AnyPlatform:
        platform = remote(self._kind, self.ask, self._surroundings)
        platform.account = self._given  # the kit looks at its clock and its log
        return platform

    async def ask(
        self, hook: str, arguments: Mapping[str, Any], begins: Callable[[int], None] = lambda _: None
    ) -> Any:  # as the hook answers
        async with self._connecting:
            ours = self._ours = self._ours or await self._connect()
        number = ours.next_number()
        begins(number)
        return decode_answer(hook, await ours.call(hook, encode_arguments(hook, arguments), number))

    async def _connect(self) -> Peer:
        given, loop = self._given, asyncio.get_running_loop()

        def opens(begin: Begin, kind: type[AnyPlatform], peer: Peer) -> Account[Any]:
            return Account(
                name=begin.account,
                role=given.role,
                settings=decode_settings(begin.settings, kind.Settings),
                http=given.http,
                clock=given.clock,
                log=given.log,
                tokens=cast("Any", RemoteTokens(peer)),
                reference_prefix=begin.prefix,
            )

        hosted = Hosted(opens, given.log)
        ours, theirs = Peer(self._surroundings.serve, self._surroundings.hear), Peer(hosted.serve, hosted.hear)
        hosted.peer = theirs
        ends = socket.socketpair()
        for peer, end in zip((ours, theirs), ends, strict=True):
            await loop.create_unix_connection(lambda peer=peer: peer, sock=end)  # type: ignore[misc] # mypy infers no lambda with a default
        begin = Begin(
            module=self._kind.__module__,
            name=self._kind.__qualname__,
            account=given.name,
            role=given.role.value,
            settings=encode(given.settings),
            prefix=given.reference_prefix,
            memory=0,
            files=256,
        )
        await ours.call("begin", encode(begin))
        OPEN.extend((ours, theirs))
        return ours


OPEN: list[Peer] = []


@pytest.fixture(autouse=True)
async def closed() -> AsyncIterator[None]:
    yield
    for peer in OPEN:
        peer.end("the test is over")
    OPEN.clear()
    await asyncio.sleep(0)


class Apart:
    """Puts the boundary between a contract's tests and the platform that they test."""

    def open_platform(self, simulator: Any, open_account: OpenAccount) -> Any:  # each contract has its own
        return self._apart(super().open_platform(simulator, open_account))  # type: ignore[misc] # the contract's own

    def open_stranger(self, simulator: Any, open_account: OpenAccount) -> Any:  # each contract has its own
        return self._apart(super().open_stranger(simulator, open_account))  # type: ignore[misc] # the contract's own

    def _apart(self, platform: AnyPlatform) -> AnyPlatform:
        return Boundary(type(platform), platform.account).platform()


class TestWooCommerceApart(Apart, woocommerce.TestWooCommerce):
    """A shop."""


class TestPrestaShopApart(Apart, prestashop.TestPrestaShop):
    """A shop whose orders take several calls, and which saves how far it came."""


class TestAllegroApart(Apart, allegro.TestAllegro):
    """A marketplace whose tokens are renewed."""
