"""The world of a journey: both simulators in the test's own loop, the real daemon as a process, its socket."""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sqlite3
import sys
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import aiohttp

from daemon.vault import TokenFiles, Vault
from orderferry.oauth import Tokens
from plugins.allegro.simulator import CLIENT_ID, CLIENT_SECRET, AllegroSimulator
from plugins.shops.woocommerce.simulator import KEY, SECRET
from tests.journeys.scripted_shop import Json, Shop

T = TypeVar("T")

PROGRAM = "from daemon.cli import main; main()"
PATIENCE = 20.0
PAUSE = 0.01
MARKET, SHOP = "allegro-main", "my-shop"
TELLS_BUYERS = ("orders/", "show ", "plan ")
MISHAPS = ("Traceback", "round_failed", "round_split", "dispatch_failed", "outcome_not_stored", "poller_ended")


async def first(
    asked: Callable[[], Awaitable[T | None]], what: str, *, seconds: float = PATIENCE, pause: float = PAUSE
) -> T:
    """The first true answer; fails, saying what never came, when none came in time."""
    until = time.monotonic() + seconds
    while True:
        found = await asked()
        if found:
            return found
        if time.monotonic() > until:
            raise AssertionError(f"within {seconds:.0f} s it was never so: {what}")
        await asyncio.sleep(pause)


async def eventually(condition: Callable[[], object], what: str, *, seconds: float = PATIENCE) -> None:
    """Returns as soon as the condition is true; fails, saying what never came."""

    async def asked() -> object:
        return condition()

    await first(asked, what, seconds=seconds)


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What it printed, as JSON."""
        return json.loads(self.out)


class World:
    """Everything that takes part; `settings` are what the next `write_config` writes for the two accounts."""

    def __init__(self, folder: Path, market: AllegroSimulator, shop: Shop) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.config = folder / "config.toml"
        self.socket = folder / "run" / "s"
        self.log = folder / "daemon.log"
        self.simulator = market
        self.market = market.market
        self.shop = shop
        self.process: asyncio.subprocess.Process | None = None
        self.unintended: list[str] = []
        self.environ: dict[str, str] = {}  # what the daemon and the commands find in their environment besides
        self.settings: dict[str, Json] = {
            f"marketplaces.{MARKET}": {
                "platform": "allegro",
                "api_url": market.url,
                "auth_url": f"{market.url}/auth/oauth",
                "client_id": CLIENT_ID,
                "client_secret": CLIENT_SECRET,
                "poll_every": "0.2s",
                "sweep_every": "10m",
            },
            f"shops.{SHOP}": {
                "platform": "woocommerce",
                "url": shop.url,
                "consumer_key": KEY,
                "consumer_secret": SECRET,
                "poll_every": "0.3s",
                "settle": "1s",
            },
            f"shops.{SHOP}.sync": {"status": "at once", "payment": "at once"},
        }
        self._entries: list[Json] = []
        self._session: aiohttp.ClientSession | None = None
        shop.heard = self._heard

    # setting up

    def write_config(self) -> None:
        """Writes config.toml anew from the settings."""
        lines = ["[daemon]", f'data_dir = "{self.data}"', f'socket = "{self.socket}"']
        for section, values in self.settings.items():
            lines += ["", f"[{section}]", *(f"{key} = {json.dumps(value)}" for key, value in values.items())]
        self.config.write_text("\n".join(lines) + "\n", encoding="utf-8")
        self.config.chmod(0o600)

    async def log_in(self) -> None:
        """Puts tokens where a login would have put them."""
        issued = self.simulator.oauth.issue()
        vault = Vault.open(self.data, {}, create=True)
        ends = datetime.now(UTC) + timedelta(seconds=issued["expires_in"])
        tokens = Tokens(access=issued["access_token"], refresh=issued["refresh_token"], expires_at=ends)
        await TokenFiles(vault, self.data).for_account(MARKET).save(tokens)

    def sell(self, skus: Mapping[str, int] | None = None, *, login: str | None = None, **form: Any) -> str:
        """A purchase that is bought, filled and ready; `form` as in `Market.fill`."""
        number = self.market.buy(skus or {"SKU-001": 1}, login=login)
        self.market.fill(number, **form)
        self.market.ready(number)
        return number

    # the daemon's life

    async def start(self, *, prelude: str = "", wait: bool = True) -> None:
        """Starts the daemon; `prelude` is Python that its process runs first. Returns when its socket answers."""
        self.process = await self._spawn(prelude, "run", "--config", str(self.config))
        if wait:
            await first(self._up, "the daemon answers at its socket", seconds=30)

    async def kill(self) -> None:
        """kill -9, at this very moment."""
        assert self.process is not None
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()

    def terminate(self) -> None:
        """SIGTERM, without waiting."""
        assert self.process is not None
        self.process.send_signal(signal.SIGTERM)

    async def stop(self) -> int:
        """SIGTERM; answers the exit code."""
        self.terminate()
        return await self.ended()

    async def ended(self, seconds: float = 35) -> int:
        """The exit code, when the daemon has ended."""
        assert self.process is not None
        async with asyncio.timeout(seconds):
            return await self.process.wait()

    async def run(self) -> Said:
        """`orderferry run` to its end, for starts that are refused."""
        return await self.cli("run", "--config", str(self.config), seconds=30)

    async def _spawn(self, prelude: str, *words: str) -> asyncio.subprocess.Process:
        with self.log.open("ab") as log:
            return await asyncio.create_subprocess_exec(
                sys.executable, "-c", prelude + PROGRAM, *words, stdout=log, stderr=log, env=self._environ()
            )

    def _environ(self) -> dict[str, str]:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("ORDERFERRY")}
        return {**kept, "ORDERFERRY_SOCKET": str(self.socket), "COLUMNS": "200", **self.environ}

    async def _up(self) -> bool:
        if self.process is None or self.process.returncode is not None:
            raise AssertionError(f"the daemon has ended: {self.log.read_text()[-2000:]}")
        try:
            return bool((await self.api("status"))["version"])
        except (aiohttp.ClientError, OSError):
            return False

    # asking and commanding

    async def api(self, path: str, **query: str) -> Any:
        """GET /v1/PATH over the socket."""
        async with self._http().get(f"http://localhost/v1/{path}", params=query) as answer:
            return self._note(path, await answer.json())

    async def post(self, path: str, body: Json | None = None) -> tuple[int, Any]:
        """POST /v1/PATH over the socket: the HTTP status, and the answer."""
        async with self._http().post(f"http://localhost/v1/{path}", json=body or {}) as answer:
            return answer.status, self._note(path, await answer.json())

    def _note(self, asked: str, answer: Any) -> Any:  # whatever came
        """Keeps what was answered to be looked through for what must not be told; some answers are there to tell it."""
        if not asked.startswith(TELLS_BUYERS):
            with (self.folder / "answers.log").open("a", encoding="utf-8") as file:
                file.write(
                    f"{asked}: {answer if isinstance(answer, str) else json.dumps(answer, ensure_ascii=False)}\n"
                )
        return answer

    def _http(self) -> aiohttp.ClientSession:
        if self._session is None:
            connector = aiohttp.UnixConnector(str(self.socket), force_close=True)
            self._session = aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(total=10))
        return self._session

    async def begin(self, *words: str, stdin: int = asyncio.subprocess.DEVNULL) -> asyncio.subprocess.Process:
        """`orderferry WORDS` as a process that goes on; the test sees to its end."""
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            PROGRAM,
            *words,
            stdin=stdin,
            stdout=pipe,
            stderr=pipe,
            env=self._environ(),
        )

    async def cli(self, *words: str, seconds: float = 20, answers: tuple[str, ...] = ()) -> Said:
        """`orderferry WORDS`, to its end; `answers` are lines for what it asks."""
        process = await self.begin(*words, stdin=asyncio.subprocess.PIPE)
        try:
            async with asyncio.timeout(seconds):
                out, err = await process.communicate("".join(f"{line}\n" for line in answers).encode())
        except TimeoutError:
            process.kill()
            await process.wait()
            raise
        self._note(" ".join(words), f"{out.decode()}\n{err.decode()}")
        return Said(process.returncode or 0, out.decode(), err.decode())

    def logged(self, event: str | None = None, **wanted: object) -> list[Json]:
        """What the daemon has logged so far; of this name, and with these values."""
        lines = [json.loads(line) for line in self.log.read_text().splitlines() if line.startswith("{")]
        return [line for line in lines if event in {None, line["event"]} and wanted.items() <= line.items()]

    async def entries(self, kind: str | None = None, **wanted: object) -> list[Json]:
        """The journal's rows so far; of this kind, and with these fields or data."""
        while True:
            after = self._entries[-1]["id"] if self._entries else 0
            more = (await self.api("journal", after=str(after), limit="500"))["entries"]
            self._entries += more
            if len(more) < 500:
                break
        return [one for one in self._entries if (kind is None or one["kind"] == kind) and _fits(one, wanted)]

    async def entry(self, kind: str, *, seconds: float = PATIENCE, **wanted: object) -> Json:
        """The first such row of the journal, as soon as there is one."""

        async def there() -> Json | None:
            return next(iter(await self.entries(kind, **wanted)), None)

        return await first(there, f"the journal says {kind} {wanted}", seconds=seconds)

    async def order(self, form: str) -> Json | None:
        """What the hub knows of a marketplace order; None while it is unknown."""
        found: Json = await self.api(f"orders/{form}")
        return found if "id" in found else None

    async def known(self, form: str, **fields: object) -> Json:
        """The hub's order, as soon as these fields of it are so."""

        async def there() -> Json | None:
            found = await self.order(form)
            return found if found and all(found[key] == value for key, value in fields.items()) else None

        return await first(there, f"the hub knows {form} with {fields}")

    async def forwarded(self, form: str, *, shop: str = SHOP, seconds: float = PATIENCE) -> Json:
        """The hub's link of the order with the shop, as soon as there is one."""

        async def link() -> Json | None:
            found = await self.order(form)
            return next((one for one in (found or {"links": []})["links"] if one["account"] == shop), None)

        return await first(link, f"{form} stands in {shop}", seconds=seconds, pause=0.03)

    async def job(self, form: str, kind: str = "add_order", *, state: str | None = None, account: str = SHOP) -> Json:
        """The order's newest job of this kind, as soon as there is one in this state."""

        async def there() -> Json | None:
            found = await self.order(form)
            jobs = [one for one in (found or {"jobs": []})["jobs"] if (one["kind"], one["account"]) == (kind, account)]
            newest = max(jobs, key=lambda one: int(one["id"]), default=None)
            return newest if newest and state in {None, newest["state"]} else None

        return await first(there, f"{form} has a job {kind} that is {state}", pause=0.03)

    async def settled(self, seconds: float = PATIENCE) -> None:
        """Returns when no job is unfinished."""

        async def done() -> bool:
            return not (await self.api("status"))["jobs"]

        await first(done, "no job is unfinished", seconds=seconds, pause=0.03)

    async def account(self, name: str, **fields: object) -> Json:
        """The account, as soon as these fields of it are so."""

        async def there() -> Json | None:
            found: Json = await self.api(f"accounts/{name}")
            return found if all(found[key] == value for key, value in fields.items()) else None

        return await first(there, f"{name} is {fields}", pause=0.03)

    async def polls(self, more: int = 3) -> None:
        """Returns when the marketplace has been asked for its events so many times more: time has truly passed."""
        asked = self._event_reads()
        await eventually(lambda: self._event_reads() >= asked + more, f"{more} more polls of the marketplace")

    def _event_reads(self) -> int:
        return sum(one.path == "/order/events" for one in self.simulator.served)

    # at the end

    def _heard(self, form: str) -> None:
        """No POST may leave whose intent is not on disk: checked on the store itself, at the moment it comes in."""
        store = sqlite3.connect(f"file:{self.data / 'orders.db'}?mode=ro", uri=True)
        try:
            rows = store.execute(
                "select count(*) from job j join orders o on o.id = j.order_id"
                " where o.external_id = ? and j.kind = 'add_order' and j.state = 'sending'",
                (form,),
            ).fetchone()
        finally:
            store.close()
        if rows[0] < 1:
            self.unintended.append(form)

    def check_promises(self) -> None:
        """What must hold after every journey."""
        assert not self.unintended, "a POST left whose intent was not on disk"
        assert not self.shop.summary()["twice"], "an order stands in the shop twice"
        log = self.log.read_text() if self.log.exists() else ""
        mishaps = [line for line in log.splitlines() if any(word in line for word in MISHAPS)]
        assert not mishaps, mishaps

    async def close(self) -> None:
        """Ends what still runs."""
        if self._session is not None:
            await self._session.close()
        if self.process is not None and self.process.returncode is None:
            await self.kill()


def _fits(entry: Json, wanted: Mapping[str, object]) -> bool:
    return all(entry.get(key, entry["data"].get(key)) == value for key, value in wanted.items())


def seeded(seed: int) -> random.Random:
    """Chance that is the same each time."""
    return random.Random(seed)  # noqa: S311 - a test must be repeatable
