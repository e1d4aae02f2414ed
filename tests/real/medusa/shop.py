"""A real Medusa with a real PostgreSQL below it, both on loopback, in a folder of their own that goes when they end."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import aiohttp

PROJECT = Path(__file__).parents[3] / ".cache/medusa"
STAMP = PROJECT / ".made-from"
EMAIL, PASSWORD = "owner@example.org", "a test's password"
PATIENCE = 120.0


class MedusaShop:
    """`async with MedusaShop() as shop`: it serves at `url`, `key` is a secret API key, `settings` an account's ids.

    `stock` puts products on its shelf, `levels` tells what lies there; the region adds 23 per cent to every price.
    """

    def __init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="orderferry-medusa-"))
        self.key = ""
        self.url = f"http://127.0.0.1:{free_port()}"
        self.settings: dict[str, str] = {}
        self.inventory: dict[str, str] = {}  # SKU -> inventory item
        self._shelf: dict[str, str] = {}
        self._database = f"127.0.0.1:{free_port()}"
        self._processes: list[subprocess.Popen[bytes]] = []
        self._http: aiohttp.ClientSession | None = None

    async def __aenter__(self) -> Self:
        try:
            await asyncio.to_thread(self._start_database)
            await self._start_medusa()
            await self._log_in()
            await self._furnish()
        except BaseException:
            await self.__aexit__()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._http is not None:
            await self._http.close()
        for process in reversed(self._processes):
            await asyncio.to_thread(_end, process)
        shutil.rmtree(self.folder, ignore_errors=True)

    def _start_database(self) -> None:
        """PostgreSQL with Medusa's tables and its owner in it; what took long is kept for the next time."""
        programs = max(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        kept = PROJECT / f"database-{programs.parent.name}.tar"
        data = self.folder / "data"
        if os.geteuid() == 0:
            shutil.chown(self.folder, "postgres", "postgres")
        if kept.exists():
            self._run(["tar", "-xf", kept, "-C", self.folder])
            self._start_postgres(programs, data)
            return
        data.mkdir()
        if os.geteuid() == 0:
            shutil.chown(data, "postgres", "postgres")
        self._run([programs / "initdb", "-U", "postgres", "-A", "trust", "--no-sync", "-D", data], **self._user)
        postgres = self._start_postgres(programs, data)
        host, _, port = self._database.partition(":")
        self._run([programs / "createdb", "-h", host, "-p", port, "-U", "postgres", "medusa"], **self._user)
        medusa = ["node", "node_modules/@medusajs/cli/cli.js"]
        self._run([*medusa, "db:migrate", "--skip-scripts"], cwd=PROJECT, env=self._environ())
        self._run([*medusa, "user", "-e", EMAIL, "-p", PASSWORD], cwd=PROJECT, env=self._environ())
        _end(postgres)
        half = kept.with_suffix(".half")
        self._run(["tar", "-cf", half, "-C", self.folder, "data"])
        half.rename(kept)
        self._start_postgres(programs, data)

    @property
    def _user(self) -> dict[str, Any]:
        """PostgreSQL does not run as root."""
        return {"user": "postgres", "group": "postgres", "extra_groups": []} if os.geteuid() == 0 else {}

    def _start_postgres(self, programs: Path, data: Path) -> subprocess.Popen[bytes]:
        host, _, port = self._database.partition(":")
        settings = {"listen_addresses": host, "port": port, "unix_socket_directories": str(data), "fsync": "off"}
        flags = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        process = self._begin("postgres", [programs / "postgres", "-D", data, *flags], cwd=data, **self._user)
        until = time.monotonic() + PATIENCE
        while not _listens(host, int(port)):
            if time.monotonic() > until or process.poll() is not None:
                raise AssertionError(f"PostgreSQL does not listen: {self._said('postgres')}")
            time.sleep(0.05)
        return process

    async def _start_medusa(self) -> None:
        host, port = self.url.removeprefix("http://").split(":")
        program = ["node", "node_modules/@medusajs/cli/cli.js", "start", "--host", host, "--port", port]
        process = self._begin("medusa", program, cwd=PROJECT, env=self._environ())
        self._http = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=60))
        until = time.monotonic() + PATIENCE
        while True:
            try:
                async with self._http.get(f"{self.url}/health") as answer:
                    if answer.status == 200:
                        return
            except aiohttp.ClientError:
                pass
            if time.monotonic() > until or process.poll() is not None:
                raise AssertionError(f"Medusa does not start: {self._said('medusa')}")
            await asyncio.sleep(0.1)

    async def _log_in(self) -> None:
        login = await self.ask("POST", "/auth/user/emailpass", {"email": EMAIL, "password": PASSWORD})
        bearer = {"Authorization": f"Bearer {login['token']}"}
        made = await self.ask("POST", "/admin/api-keys", {"title": "orderferry", "type": "secret"}, headers=bearer)
        self.key = made["api_key"]["token"]

    async def _furnish(self) -> None:
        """A region with taxes, a sales channel with a stock location, a delivery: what a seller has set up once."""
        named = {"name": "Marketplaces"}
        location = (await self.ask("POST", "/admin/stock-locations", {"name": "Shelf"}))["stock_location"]["id"]
        channel = (await self.ask("POST", "/admin/sales-channels", named))["sales_channel"]["id"]
        here = f"/admin/stock-locations/{location}"
        await self.ask("POST", f"{here}/sales-channels", {"add": [channel]})
        region = {"name": "Poland", "currency_code": "pln", "countries": ["pl"], "automatic_taxes": True}
        region_id = (await self.ask("POST", "/admin/regions", region))["region"]["id"]
        rate = {"name": "VAT", "code": "vat23", "rate": 23}
        tax = {"country_code": "pl", "default_tax_rate": rate, "provider_id": "tp_system"}
        await self.ask("POST", "/admin/tax-regions", tax)
        profile = await self.ask("POST", "/admin/shipping-profiles", {"name": "All", "type": "default"})
        profile_id = profile["shipping_profile"]["id"]
        await self.ask("POST", f"{here}/fulfillment-providers", {"add": ["manual_manual"]})
        await self.ask("POST", f"{here}/fulfillment-sets", {"name": "Parcels", "type": "shipping"})
        sets = (await self.ask("GET", f"{here}?fields=*fulfillment_sets"))["stock_location"]["fulfillment_sets"]
        zone = {"name": "Poland", "geo_zones": [{"type": "country", "country_code": "pl"}]}
        made = await self.ask("POST", f"/admin/fulfillment-sets/{sets[0]['id']}/service-zones", zone)
        option = {
            "name": "Marketplace delivery",
            "service_zone_id": made["fulfillment_set"]["service_zones"][0]["id"],
            "shipping_profile_id": profile_id,
            "provider_id": "manual_manual",
            "price_type": "flat",
            "type": {"label": "Parcel", "description": "a parcel", "code": "parcel"},
            "prices": [{"currency_code": "pln", "amount": 10}],
            "rules": [],
        }
        option_id = (await self.ask("POST", "/admin/shipping-options", option))["shipping_option"]["id"]
        self.settings = {"region": region_id, "sales_channel": channel, "shipping_option": option_id}
        self._shelf = {"location": location, "channel": channel, "profile": profile_id}

    async def stock(self, sku: str, name: str, pieces: int) -> None:
        """Puts a product on the shelf."""
        variant = {
            "title": "One",
            "sku": sku,
            "manage_inventory": True,
            "options": {"Kind": "One"},
            "prices": [{"currency_code": "pln", "amount": 20}],
        }
        product = {
            "title": name,
            "status": "published",
            "shipping_profile_id": self._shelf["profile"],
            "options": [{"title": "Kind", "values": ["One"]}],
            "sales_channels": [{"id": self._shelf["channel"]}],
            "variants": [variant],
        }
        await self.ask("POST", "/admin/products", product)
        (item,) = (await self.ask("GET", f"/admin/inventory-items?sku={sku}"))["inventory_items"]
        level = {"location_id": self._shelf["location"], "stocked_quantity": pieces}
        await self.ask("POST", f"/admin/inventory-items/{item['id']}/location-levels", level)
        self.inventory[sku] = item["id"]

    async def levels(self, sku: str) -> tuple[int, int]:
        """How many pieces lie there, and how many of them are free."""
        answer = await self.ask("GET", f"/admin/inventory-items/{self.inventory[sku]}/location-levels")
        (level,) = answer["inventory_levels"]
        return level["stocked_quantity"], level["available_quantity"]

    async def orders(self, kind: str = "orders", fields: str = "id,status,total,metadata") -> list[dict[str, Any]]:
        """Every order, or every draft with the kind `draft-orders`."""
        answer = await self.ask("GET", f"/admin/{kind}?fields={fields}&limit=1000")
        found: list[dict[str, Any]] = answer[kind.replace("-", "_")]
        return found

    def _environ(self) -> dict[str, str]:
        database = f"postgres://postgres@{self._database}/medusa?sslmode=disable"
        quiet = {"NODE_ENV": "development", "MEDUSA_DISABLE_TELEMETRY": "true", "LOG_LEVEL": "warn"}
        return {**os.environ, "DATABASE_URL": database, **quiet}

    def _run(self, program: list[Any], **options: Any) -> None:
        said = subprocess.run(  # noqa: S603 - programs named here
            [str(part) for part in program], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False, **options
        )
        assert said.returncode == 0, said.stdout.decode()[-3000:]

    def _begin(self, name: str, program: list[Any], **options: Any) -> subprocess.Popen[bytes]:
        # whatever becomes of the tests' own process, these end with it
        tied = ["setpriv", "--pdeathsig", "INT", *(str(part) for part in program)]
        with (self.folder / f"{name}.log").open("wb") as log:
            process = subprocess.Popen(tied, stdout=log, stderr=log, **options)  # noqa: S603 - programs named here
        self._processes.append(process)
        return process

    def _said(self, name: str) -> str:
        return (self.folder / f"{name}.log").read_text(errors="replace")[-3000:]

    async def ask(
        self, method: str, path: str, body: dict[str, Any] | None = None, *, headers: dict[str, str] | None = None
    ) -> Any:
        """One request to the shop's own API, past everything that is tested; it must be answered well."""
        assert self._http is not None
        signed = headers or ({"Authorization": aiohttp.encode_basic_auth(self.key, "")} if self.key else {})
        async with self._http.request(method, self.url + path, json=body, headers=signed) as answer:
            said = await answer.json()
            assert answer.status in {200, 201}, (method, path, answer.status, said)
            return said


def free_port() -> int:
    """A port of loopback that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends a process; PostgreSQL takes SIGINT for "at once, but in order", Medusa for the end as well."""
    if process.poll() is None:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), 1).close()
    except OSError:
        return False
    return True
