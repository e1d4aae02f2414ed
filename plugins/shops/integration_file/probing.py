"""Trying what a file promises against what it does. Nothing is changed: updates name an order that can't exist.

Each of these was met in a published file: filters that are ignored, updates that are answered with "done" and not made,
postcodes that are dropped, an empty list where something failed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import timedelta

from orderferry import Account, Finding, NeedsLogin, PlatformError, ProbeReport
from orderferry.php import count, text
from orderferry.references import reference_in
from plugins.shops.integration_file import checking
from plugins.shops.integration_file.catalogue import matching
from plugins.shops.integration_file.client import FileClient
from plugins.shops.integration_file.orders import decode
from plugins.shops.integration_file.settings import FileSettings
from plugins.shops.integration_file.wire import OrderAnswer

NO_ORDER = str(2**31 - 1)
NO_SKU = "orderferry-probe-no-such-sku"
BACK = timedelta(days=30)
DAY = 86_400

Verdict = tuple[bool | None, str]
Try = Callable[[], Awaitable[Verdict]]


async def probe(client: FileClient, account: Account[FileSettings]) -> ProbeReport:
    """Tries everything that can be tried without changing anything."""
    methods = await client.methods()
    name = await checking.version(client)
    prober = _Prober(client, account)
    findings = [await _find("the key", True, prober.key)]
    for action, attempt in prober.tries():
        promised = action.partition(":")[0] in methods
        what = action.replace(":", ": ")
        if promised:
            findings.append(await _find(what, promised, attempt))
        else:
            findings.append(Finding(what=what, promised=False, says="not offered"))
    findings.append(await _find("the reference", None, prober.reference))
    findings.append(await _find("addresses", "OrderAdd" in methods, prober.postcodes))
    return ProbeReport(summary=f"{name}, {len(methods)} methods promised.", findings=tuple(findings))


async def _find(what: str, promised: bool | None, attempt: Try) -> Finding:
    try:
        real, says = await attempt()
    except PlatformError as error:
        real, says = False, str(error)
    return Finding(what=what, promised=promised, real=real, says=says)


class _Prober:
    """The single tries; what one has read, a later one uses."""

    def __init__(self, client: FileClient, account: Account[FileSettings]) -> None:
        self._client = client
        self._account = account
        self._orders: dict[str, OrderAnswer] = {}
        self._product = ""

    def tries(self) -> list[tuple[str, Try]]:
        """Every action of the protocol that concerns us, in an order in which they build on each other."""
        lists = [(action, self._list_of(action)) for action in checking.LISTS.values()]
        return [
            ("FileVersion", self._version),
            *lists,
            ("ProductsList", self._products),
            ("ProductsList:filter_sku", self._filter_sku),
            ("ProductsData", self._product_data),
            ("ProductsQuantity", self._answers("ProductsQuantity")),
            ("ProductsPrices", self._answers("ProductsPrices")),
            ("OrdersGet", self._orders_get),
            ("OrdersGet:time_from", self._time_from),
            ("OrdersGet:order_id", self._one_order),
            ("OrderUpdate:status", self._update("status")),
            ("OrderUpdate:paid", self._update("paid")),
            ("OrderUpdate:delivery_number", self._update("delivery_number")),
            ("OrderAdd", self._add),
        ]

    async def key(self) -> Verdict:
        """Whether a wrong key is refused."""
        try:
            await self._client.version(key="orderferry-probe-wrong-key")
        except NeedsLogin:
            return True, "a wrong key is refused"
        except PlatformError as error:
            return None, f"a wrong key gets no answer, but not for its own sake: {error}"
        return False, "a wrong key is answered like the right one: anybody can read and change the shop's orders"

    async def _version(self) -> Verdict:
        found = await self._client.version()
        return bool(text(found.platform)), f"standard {text(found.standard) or 'not told'}"

    def _list_of(self, action: str) -> Try:
        async def attempt() -> Verdict:
            labels = await self._client.labels(action)
            return bool(labels), f"{len(labels)} entries" if labels else "an empty list, as it comes when it fails"

        return attempt

    def _answers(self, action: str) -> Try:
        async def attempt() -> Verdict:
            size = await self._client.answers(action)
            return size > 0, f"{size} entries" if size else "nothing, as it comes when it fails"

        return attempt

    async def _products(self) -> Verdict:
        found = await self._client.products({"filter_limit": "5", "page": "1"})
        self._product = next(iter(found), "")
        coded = sum(bool(text(product.sku)) for product in found.values())
        if not found:
            return False, "no product at all, as it comes when it fails"
        return True, f"products come, {coded} of the first {len(found)} with a SKU"

    async def _filter_sku(self) -> Verdict:
        found = await self._client.products({"filter_sku": NO_SKU, "page": "1"})
        if not found:
            return True, "a SKU that nothing has finds nothing"
        return False, f"the filter is ignored: a SKU that nothing has finds {len(found)} products"

    async def _product_data(self) -> Verdict:
        if not self._product:
            return None, "there is no product to ask for"
        product = (await self._client.product_data([self._product])).get(self._product)
        if product is None:
            return False, f"product {self._product} is in the list and has no data"
        counted = count(product.quantity) is not None
        sku = text(product.sku)
        same = not sku or bool(matching({self._product: product}, "sku", sku))
        stock = "its stock is told" if counted else "its stock is not told, so that it fell can't be proved"
        return counted and same, stock

    async def _orders_get(self) -> Verdict:
        begin = int((self._account.clock.now() - BACK).timestamp())
        found = await self._client.orders({"time_from": str(begin), "only_paid": "0", "page": "1"})
        self._orders = {order_id: decode(bytes(raw)) for order_id, raw in found.raws.items()}
        if not found.raws:
            return None, "no order in 30 days, or it failed: the answer is the same"
        pages = f"{found.pages} pages" if found.pages else "pages are not told"
        return True, f"{len(found.raws)} orders of the last 30 days, {pages}"

    async def _time_from(self) -> Verdict:
        times = [moment for order in self._orders.values() if (moment := count(order.date_add)) is not None]
        if not times:
            return None, "there is no order to try it with"
        begin = max(times) + DAY
        found = await self._client.orders({"time_from": str(begin), "only_paid": "0", "page": "1"})
        early = len(found.raws.keys() & self._orders.keys())
        return not early, f"{early} orders come that were placed earlier" if early else "nothing earlier comes"

    async def _one_order(self) -> Verdict:
        if not self._orders:
            return None, "there is no order to try it with"
        order_id = next(reversed(self._orders))
        raw = await self._client.order(order_id)
        if raw is None:
            return False, f"order {order_id} is in the list, and asked for by its number it does not come"
        return True, "an order is read back, so what is set can be verified"

    def _update(self, kind: str) -> Try:
        async def attempt() -> Verdict:
            value = "1" if kind == "paid" else "0"
            changed = await self._client.update(NO_ORDER, kind, value)
            if changed:
                return False, f"an order that does not exist is answered with {changed} changed: its word says nothing"
            if changed is None:
                return None, "an order that does not exist is answered with nothing; a real one could not be tried"
            return None, "an order that does not exist is not changed; a real one could not be tried"

        return attempt

    async def _add(self) -> Verdict:
        return None, "not tried, as it would make an order"

    def _ours(self) -> list[OrderAnswer]:
        prefix = self._account.reference_prefix
        return [order for order in self._orders.values() if reference_in(text(order.user_comments), prefix)]

    async def reference(self) -> Verdict:
        """Whether orders of ours show their references."""
        ours = len(self._ours())
        if ours:
            return True, f"{ours} orders of ours show theirs, so a lost answer can be looked up"
        return None, "no order of ours is seen; after a lost answer you will be asked"

    async def postcodes(self) -> Verdict:
        """Whether orders of ours still have their postcodes."""
        ours = self._ours()
        lost = sum(not text(order.delivery_postcode) for order in ours)
        if not ours:
            return None, "no order of ours is seen"
        return not lost, f"{lost} of {len(ours)} orders of ours lost their postcode" if lost else "postcodes are kept"
