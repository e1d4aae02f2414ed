"""What can be asked of the hub about buyers' data, and told: the report, a person's data, erasing it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from daemon import shown
from daemon.accounts import AccountState
from daemon.config import Config
from daemon.core import persons
from daemon.core.job import JobState, remedy
from daemon.core.persons import Wanted
from daemon.core.retention import Keeps
from daemon.core.routing import functions
from daemon.hub_reads import HubReads
from daemon.privacy import erasing
from daemon.privacy.views import (
    AccountPrivacy,
    ErasedOrder,
    ErasureView,
    HeldOrder,
    OverdueOrder,
    PrivacyReport,
    Recipient,
    SearchLine,
    StoreCopy,
    UnreadText,
)
from daemon.store import retained
from daemon.store.case import when
from daemon.store.connection import FILE
from daemon.views import CommandError
from orderferry import Duration, Parcel, Role

TOLD_EVERY = 1.0
NAMED = 20


class PrivacyHub(HubReads):
    """The part of `daemon.control.hub.Hub` that is about buyers' data; `app` sets the two attributes."""

    keeps: Callable[[], Keeps]
    erased: Callable[[], None]  # is told that something was erased by hand

    async def privacy(self) -> PrivacyReport:
        """What is held, since when, what is overdue and why, and who is told what."""
        now, keeps = self._clock.now(), self.keeps()
        known = await retained.platforms(self._reader)
        accounts = [await self._held(name, platform, keeps, now) for name, platform in sorted(known.items())]
        meta = await retained.meta(self._reader)
        return PrivacyReport(
            at=now,
            accounts=tuple(
                one for one in accounts if one.held or one.erased or one.unread or one.account in self._accounts
            ),
            copies=await asyncio.to_thread(_copies, self._config),
            recipients=(*map(self._told, self._accounts), *_broker(self._config)),
            rewritten_at=when(int(meta["rewritten_at"])) if "rewritten_at" in meta else None,
        )

    async def privacy_export(
        self,
        buyer: str | None,
        login: str | None,
        account: str | None,
        uid: int,  # noqa: ARG002 - acts are given it
    ) -> AsyncIterator[SearchLine]:
        """All that is held about a person, an order a line, with how far the search is every second."""
        numbers, person = await self._meant(buyer, login, account)
        for number in numbers:
            document = await self._reader.document(number)
            if document is not None:
                person = persons.of(document, (await self._reader.row(number))[1])
        found = False
        async for line in self._search(person, numbers):
            found = found or line.order is not None or line.unread is not None
            yield line
        if not found:
            raise CommandError("not_found", _NOBODY)

    async def privacy_erase(
        self,
        buyers: Sequence[str],
        login: str | None,
        account: str | None,
        *,
        even_unfinished: bool,
        dry_run: bool,
        uid: int,
    ) -> ErasureView:
        """Erases these persons' orders, or these orders, now; with `dry_run` only says what would be erased."""
        numbers: dict[int, None] = {}
        texts: list[tuple[str, str]] = []
        for buyer in buyers or (None,):
            named, person = await self._meant(buyer, login, account)
            numbers |= dict.fromkeys(named)
            if person:
                async for line in self._search(person, ()):
                    numbers |= dict.fromkeys([line.order.id] if line.order else ())
                    texts += [(line.unread.account, line.unread.external_id)] if line.unread else []
        if not numbers and not texts:
            raise CommandError("not_found", _NOBODY)
        orders = [
            await self._erase(number, even_unfinished=even_unfinished, dry_run=dry_run, uid=uid) for number in numbers
        ]
        if not dry_run:
            if texts:
                await self._rounds.act(erasing.erase_unread(texts, uid=uid))
            self.erased()
        return ErasureView(dry_run=dry_run, orders=tuple(orders), unread=len(texts))

    async def _erase(self, number: int, *, even_unfinished: bool, dry_run: bool, uid: int) -> ErasedOrder:
        found: list[ErasedOrder] = []
        await self._rounds.act(erasing.judge(number, found, even_unfinished=even_unfinished), [number])
        if dry_run or found[0].verdict != "erase":
            return found[0]
        act = erasing.erase_by_hand(number, uid, even_unfinished=even_unfinished)
        done = await self._rounds.act(act, [number])
        one = found[0]
        return ErasedOrder(
            order=number, account=one.account, external_id=one.external_id, verdict="erased", reason=done.text or None
        )

    async def _meant(self, buyer: str | None, login: str | None, account: str | None) -> tuple[list[int], Wanted]:
        """Who or what is meant: orders by their number, or a person."""
        if account is not None:
            self._state(account)
        if login is not None:
            return [], Wanted(logins=frozenset({login.strip().casefold()}), account=account)
        if buyer is None:
            raise CommandError("invalid", "say whose data: an e-mail address, a login, a telephone number, or an order")
        found = [] if "@" in buyer else await self._reader.find(buyer)
        if len(found) > 1:
            several = tuple(map(str, found))
            raise CommandError("conflict", "this names several orders; say the hub's number", several)
        return (found, Wanted()) if found else ([], persons.wanted(buyer))

    async def _search(self, person: Wanted, numbers: Sequence[int]) -> AsyncIterator[SearchLine]:
        """These orders, and all that fit the person, a line each; the last has `done`."""
        of = await retained.document_count(self._reader)
        looked, told = 0, self._clock.monotonic()
        for number in numbers:
            yield SearchLine(looked_at=looked, of=of, order=await self._whole(number))
        if person:
            async for page in retained.documents(self._reader):
                looked += len(page)
                for number, account, order in page:
                    if number not in numbers and persons.fits(order, account, person):
                        yield SearchLine(looked_at=looked, of=of, order=await self._whole(number))
                if self._clock.monotonic() - told >= TOLD_EVERY:
                    told = self._clock.monotonic()
                    yield SearchLine(looked_at=looked, of=of)
            for account, external_id, first, last, raw in await retained.unread_texts(self._reader):
                if persons.occurs(raw, account, person):
                    text = UnreadText(
                        account=account,
                        external_id=external_id,
                        first_seen=first,
                        last_seen=last,
                        text=raw.decode("utf-8", "backslashreplace"),
                    )
                    yield SearchLine(looked_at=looked, of=of, unread=text)
        yield SearchLine(looked_at=looked, of=of, done=True)

    async def _whole(self, number: int) -> HeldOrder:
        row = await self._reader.row(number)
        links = await self._reader.links([number])
        return HeldOrder(
            id=number,
            account=row[1],
            stage=row[3],
            status=row[4],
            paid=bool(row[8]),
            first_seen=when(row[10]),
            erased_at=None if row[14] is None else when(row[14]),
            order=await self._reader.document(number),
            given=await self._reader.forwarded(number),
            told=tuple(shown.link_view(link) for link in links if link[1] != row[1]),
            parcels=tuple(Parcel(carrier=one[0], number=one[1]) for one in await self._reader.parcels(number)),
            jobs=tuple(shown.job_view(job) for job in await self._reader.jobs(order=number)),
        )

    async def _held(self, name: str, platform: str, keeps: Keeps, now: datetime) -> AccountPrivacy:
        keep = keeps.of(name, platform)
        limit = keeps.longest.get(platform)
        row = await retained.totals(self._reader, name, now - keep, now, now + timedelta(days=1))
        late = await retained.overdue(self._reader, name, now - keep, NAMED) if row[5] else []
        return AccountPrivacy(
            account=name,
            platform=platform,
            keep=_written(keep),
            limit=None if limit is None else _written(limit),
            held=row[0],
            erased=row[1],
            due_in_a_day=row[2],
            next_due=None if row[3] is None else when(row[3]) + keep,
            oldest=None if row[4] is None else when(row[4]),
            overdue=row[5],
            named=tuple(map(self._overdue, late)),
            unread=await retained.unread_count(self._reader, name),
        )

    def _overdue(self, row: tuple[int, str, int, str, int | None, str, str, str, int | None]) -> OverdueOrder:
        number, external_id, ordered_at, status, job, kind, account, state, doubt_at = row
        sent = self._config.rules.parcel_sent
        if job is None:
            why = f"it is {status}, and neither sent nor cancelled"
            command = (
                f"orderferry set-status {number} {sent}"
                if sent
                else f"orderferry privacy erase {number} --even-unfinished"
            )
        else:
            why = f"job {job} ({kind} for {account}) is {state}"
            stuck = state in {JobState.PARKED, JobState.UNSURE}
            command = remedy(job, kind, in_doubt=doubt_at is not None) if stuck else f"orderferry explain {number}"
        return OverdueOrder(
            order=number, external_id=external_id, ordered_at=when(ordered_at), why=why, command=command
        )

    def _told(self, state: AccountState) -> Recipient:
        settings, targets = state.settings, self._accounts.targets()
        told: list[str] = []
        if settings.role is Role.MAIL:
            told = ["the buyer's e-mail address, in a mail that thanks him"]
        elif state.name in targets:
            done = [row.name for row in functions(targets[state.name], str(settings.poll_every)) if row.why_not is None]
            told = [name for name in done if not name.endswith(("fetched", "read back"))]
            if "orders are put in" in told:
                told.append(
                    "with products, prices, delivery and invoice data, and " + ", ".join(sorted(state.passing.passed))
                )
        return Recipient(account=state.name, role=settings.role.value, told=tuple(told))


_NOBODY = "nothing is held about this person, as far as it can be found by an e-mail address, login or telephone number"


def _written(time: timedelta) -> str:
    return str(Duration(seconds=time.total_seconds()))


def _copies(config: Config) -> tuple[StoreCopy, ...]:
    """The copies: backups, those from before the form was changed, and stores that gave way to a backup."""
    data_dir, stem = config.daemon.data_dir, Path(FILE).stem
    backups = config.backup.folder_in(data_dir).glob(f"{stem}-*.db")
    beside = (file for kind in ("before-schema", "replaced") for file in data_dir.glob(f"{stem}-{kind}-*.db"))
    return tuple(
        StoreCopy(
            file=str(file.relative_to(data_dir) if file.is_relative_to(data_dir) else file),
            made_at=datetime.fromtimestamp(file.stat().st_mtime, UTC),
        )
        for file in sorted([*backups, *beside])
    )


def _broker(config: Config) -> tuple[Recipient, ...]:
    """The MQTT broker, where it is told of buyers."""
    if config.mqtt is None or not config.mqtt.personal_data:
        return ()
    told = ("the buyer's name, addresses and contacts, with the events of his orders",)
    return (Recipient(account=config.mqtt.host, role="mqtt", told=told),)
