"""A row of the journal as one plain sentence.

The rule of this file: every `Kind` has a sentence, and none needs any of its data. Times are told as spans from the
row's own moment, so that no time zone is needed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime

from daemon.core import alarming
from daemon.core.job import JobKind
from daemon.core.journal import BY_MQTT, Entry, Kind
from orderferry import Stage


def sentence(entry: Entry) -> str:
    """What the row says."""
    text = _SENTENCES[entry.kind](_Row(entry))
    return text if text.endswith((".", "!", "?")) else f"{text}."


def doing(kind: str, account: str) -> str:
    """What a job does, as in "to put it into my-shop"."""
    words = {
        JobKind.ADD_ORDER: f"put it into {account}",
        JobKind.SET_STATUS: f"tell {account} its status",
        JobKind.SET_PAYMENT: f"tell {account} whether it is paid",
        JobKind.SET_TRACKING: f"tell {account} its parcels",
        JobKind.SEND_MAIL: "thank the buyer by mail",
    }
    return words.get(JobKind(kind)) or kind if kind in set(JobKind) else f"do {kind} in {account}"


def span(seconds: float) -> str:
    """A length of time: "12 s", "7 min", "3 h", "2 d"."""
    far = abs(seconds)
    for most, unit, name in ((90, 1, "s"), (90 * 60, 60, "min"), (36 * 3600, 3600, "h")):
        if far < most:
            return f"{far / unit:.0f} {name}"
    return f"{far / 86400:.0f} d"


def again(due: datetime, now: datetime) -> str:
    """When something is due: "in 3 min", or "at once"."""
    seconds = (due - now).total_seconds()
    return f"in {span(seconds)}" if seconds >= 1 else "at once"


class _Row:
    """A row with what may be missing in it already put into words."""

    def __init__(self, entry: Entry) -> None:
        self._entry = entry
        self._data = entry.data

    def __getitem__(self, key: str) -> str | None:
        """The value as text; None where it is missing."""
        value = self._data.get(key)
        if value is None or value == []:
            return None
        if isinstance(value, list):
            return ", ".join(value)
        return str(value)

    def true(self, key: str) -> bool | None:
        value = self._data.get(key)
        return value if isinstance(value, bool) else None

    @property
    def account(self) -> str:
        return self._entry.account or "the account"

    @property
    def subject(self) -> str:
        """The account's name where it begins a sentence."""
        return self._entry.account or "The account"

    @property
    def job(self) -> str:
        return f"Job {self._entry.job}" if self._entry.job is not None else "A job"

    @property
    def doing(self) -> str:
        return doing(self["what"] or "", self.account) if self["what"] else f"ask {self.account}"

    @property
    def adds(self) -> bool:
        return self["what"] == JobKind.ADD_ORDER

    @property
    def mails(self) -> bool:
        return self["what"] == JobKind.SEND_MAIL

    @property
    def alarm(self) -> str:
        entry = self._entry
        return alarming.told(self["what"] or "", account=self.account, order=entry.order, job=entry.job)

    @property
    def who(self) -> str | None:
        if self["uid"] == str(BY_MQTT):
            return "somebody, by MQTT,"
        return f"user {self['uid']}" if self["uid"] is not None else None

    def later(self, key: str) -> str:
        """A moment as a span from the row's own: "in 30 s"; "later" where it isn't told."""
        try:
            moment = datetime.fromisoformat(self[key] or "")
        except ValueError:
            return "later"
        return again(moment, self._entry.at) if moment.tzinfo is not None else "later"

    def why(self, key: str, before: str = ": ") -> str:
        """The reason behind a colon, or nothing."""
        text = self[key]
        return f"{before}{text.rstrip('.')}" if text else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


_STAGES = {
    Stage.PLACED: "its delivery form is not complete yet",
    Stage.READY: "its delivery form is complete",
    Stage.CANCELLED: "it is cancelled",
    Stage.MERGED: "it is merged into another one",
}


def _stage(name: str | None) -> str:
    return _STAGES[Stage(name)] if name in set(Stage) else f"its stage is {name}" if name else ""


def _order_new(row: _Row) -> str:
    parts = [row["total"], _stage(row["stage"])]
    told = ", ".join(part for part in parts if part)
    named = f" as {row['external_id']}" if row["external_id"] else ""
    swept = " (a sweep brought it)" if row.true("sweep") else ""
    return f"It came from {row.account}{named}{swept}" + (f": {told}" if told else "")


def _order_changed(row: _Row) -> str:
    fields = f" Changed: {row['fields']}." if row["fields"] else ""
    if row["stage"] is None:
        return f"It changed on {row.account}." + fields
    was = f", was {row['was_stage']}" if row["was_stage"] else ""
    return f"It is {row['stage']} on {row.account}{was}: {_stage(row['stage'])}." + fields


def _status_set(row: _Row) -> str:
    was = f" (was {row['was']})" if row["was"] else ""
    if row.who:
        return f"{_capital(row.who)} set its status to {row['status'] or 'another one'}{was}"
    rule = f", by the rule for {row['rule'].replace('_', ' ')}" if row["rule"] else ""
    return f"Its status became {row['status'] or 'another one'}{was}{rule}"


def _payment_set(row: _Row) -> str:
    paid = row.true("paid")
    state = "changed its payment" if paid is None else "is paid" if paid else "is not paid"
    amount = f", {row['amount']} came in" if row["amount"] else ""
    teller = _capital(row.who) if row.who else row.subject
    return f"{teller} {state}{amount}" if paid is None else f"{teller} told us that it {state}{amount}"


def _parcel_added(row: _Row) -> str:
    parcel = " ".join(part for part in (row["carrier"], row["number"]) if part)
    by = f"{_capital(row.who)} added" if row.who else f"{row.subject} told us of"
    return f"{by} the parcel {parcel}".rstrip()


def _job_made(row: _Row) -> str:
    due = f", due {row.later('due')}" if row["due"] else ""
    return f"{row.job} was made, to {row.doing}{due}{row.why('why')}"


def _job_done(row: _Row) -> str:
    attempt = row["attempt"]
    tries = f" on try {attempt}" if attempt not in {None, "0", "1"} else ""
    if row.adds:
        number = row["number"] or row["shop_order"]
        total = f", for {row['total']}" if row["total"] else ""
        stock = row.true("stock_fell")
        fell = "" if stock is None else "; the stock fell" if stock else "; the stock did not fall"
        return f"It is in {row.account}{f' as order {number}' if number else ''}{tries}{total}{fell}"
    if row.mails:
        return f"The mail server took the mail that thanks the buyer{tries}"
    told = row["status"] or row["parcels"]
    if row.true("paid") is not None:
        told = "paid" if row.true("paid") else "not paid"
    return f"{row.job} is done{tries}, to {row.doing}" + (f": {told}" if told else "")


def _job_later(row: _Row) -> str:
    return f"{row.job}, to {row.doing}, could not be done{row.why('error')}. It is tried again {row.later('until')}"


def _job_unsure(row: _Row) -> str:
    looks = f" It is looked up {row.later('look_at')}"
    settled = f", and not sent again before the shop has had its time ({row.later('settled_at')})"
    return (
        f"The answer of {row.account} was lost{row.why('error')}. Nobody knows yet whether job "
        f"{row.job.removeprefix('Job ')} was done there.{looks}{settled if row['settled_at'] else ''}"
    )


def _job_looked(row: _Row) -> str:
    if row["error"]:
        return f"{row.subject} was searched for it, which failed{row.why('error')}; that is no answer"
    found = row.true("found")
    if found:
        number = f", as order {row['shop_order']}" if row["shop_order"] else ""
        return f"{row.subject} was searched for it: it is there{number}"
    if found is None:
        return f"{row.subject} was searched for it"
    late = f"; it may still come there {row.later('settled_at').replace('in', 'within', 1)}"
    open_still = row["settled_at"] is not None and row.later("settled_at") not in {"at once", "later"}
    return f"{row.subject} was searched for it: it is not there{late if open_still else ''}"


def _job_resolved(row: _Row) -> str:
    who = _capital(row.who or "somebody")
    if row["shop_order"]:
        return f"{who} found it in {row.account} as order {row['shop_order']}, which settles {row.job.lower()}"
    if row["how"] == "not_there":
        return f"{who} looked: nothing of it is in {row.account}, which settles {row.job.lower()}"
    if row["how"] == "sent":
        return f"{who} told us that the mail went out, which settles {row.job.lower()}"
    if row["how"] == "send_again" and row.mails:
        return f"{who} told us that the mail did not go out, so {row.job.lower()} sends it again"
    if row["how"] == "send_again":
        return f"{who} looked: it is not in {row.account}, so {row.job.lower()} sends it again"
    return f"{who} settled {row.job.lower()}"


def _fetched(row: _Row) -> str:
    counts = {"new": "new", "changed": "changed", "malformed": "that could not be read"}
    told = ", ".join(f"{row[key]} {words}" for key, words in counts.items() if row[key] not in {None, "0"})
    asked = f" {row.who} asked for it" if row.who else ""
    return f"{row.subject} was fetched from:{asked}{',' if asked and told else ''} {told or 'nothing new'}"


def _imported(row: _Row) -> str:
    counts = {"new": "new", "changed": "changed", "same": "known already", "malformed": "that could not be read"}
    told = ", ".join(f"{row[key]} {words}" for key, words in counts.items() if row[key] not in {None, "0"})
    return f"Orders were imported into {row.account}{f' by {row.who}' if row.who else ''}: {told or 'none'}"


def _plugin_blocked(row: _Row) -> str:
    plugin = f"The plugin {row['plugin']}" if row["plugin"] else "A plugin"
    seconds = f" for {row['seconds']} s" if row["seconds"] else ""
    return f"{plugin} kept everything else waiting{seconds} while it worked for {row.account}; its author should know"


def _erased(row: _Row) -> str:
    what = f"The text of order {row['external_id']}, which could not be read," if row["external_id"] else "Buyer's data"
    return f"{what} was erased: {f'{row.who} asked for it' if row.who else 'its time was up (keep_buyer_data)'}"


def _in_doubt(row: _Row) -> str:
    count = row["in_doubt"]
    return f", with {count} jobs in doubt" if count not in {None, "0"} else ""


_SENTENCES: Mapping[Kind, Callable[[_Row], str]] = {
    Kind.ORDER_NEW: _order_new,
    Kind.ORDER_CHANGED: _order_changed,
    Kind.ORDER_GAP: lambda row: f"The feed of {row.account} had missed it; the sweep found it",
    Kind.ORDER_MALFORMED: lambda row: (
        f"What came of it from {row.account} could not be read{row.why('reason')}. It is kept as it came"
    ),
    Kind.ORDER_MERGED: lambda row: (
        f"{row.subject} merged it into {row.why('into', 'order ') or 'another order'}, which carries its lines now"
    ),
    Kind.ORDER_HELD: lambda row: f"It is ready, but is not forwarded by itself{row.why('reason')}",
    Kind.ORDER_WARNING: lambda row: f"Warning: {row['text'] or 'something is not as it should be'}",
    Kind.ORDER_DIFFERS: lambda row: (
        f"{_capital(row['fields'] or 'something')} changed on {row.account} after it had been forwarded; "
        "the shop's order stays as it was"
    ),
    Kind.STATUS_SET: _status_set,
    Kind.PAYMENT_SET: _payment_set,
    Kind.PARCEL_ADDED: _parcel_added,
    Kind.BUYER_DATA_ERASED: _erased,
    Kind.BUYER_DATA_BACK: lambda row: (
        f"{row.subject} has opened the purchase again: its buyer's data is kept once more, since it can be forwarded"
    ),
    Kind.DOUBLE_FOUND: lambda row: (
        f"{row.subject} holds it more than once{row.why('shop_orders', ', as orders ')}: "
        "look there, and cancel all but one"
    ),
    Kind.JOB_MADE: _job_made,
    Kind.JOB_DONE: _job_done,
    Kind.JOB_LATER: _job_later,
    Kind.JOB_UNSURE: _job_unsure,
    Kind.JOB_LOOKED: _job_looked,
    Kind.JOB_PARKED: lambda row: f"{row.job}, to {row.doing}, was parked{row.why('reason')}. It waits for a person",
    Kind.JOB_CANCELLED: lambda row: f"{row.job}, to {row.doing}, is no longer wanted{row.why('why')}",
    Kind.JOB_KEPT: lambda row: f"{row.job}, to {row.doing}, goes on{row.why('why')}",
    Kind.JOB_RETRIED: lambda row: (
        f"{_capital(row.who or 'somebody')} had {row.job.lower()}, to {row.doing}, tried again"
    ),
    Kind.JOB_RESOLVED: _job_resolved,
    Kind.ACCOUNT_DOWN: lambda row: (
        f"{row.subject} could not be reached{row.why('error')}. It is tried again {row.later('until')}"
    ),
    Kind.ACCOUNT_UP: lambda row: f"{row.subject} answers again{row.why('was', '; it had been: ')}",
    Kind.ACCOUNT_NEEDS_LOGIN: lambda row: f"{row.subject} refuses our login{row.why('error')}. {_remedy(row)}",
    Kind.ACCOUNT_PAUSED: lambda row: f"{_capital(row.who or 'somebody')} paused {row.account}",
    Kind.ACCOUNT_RESUMED: lambda row: f"{_capital(row.who or 'somebody')} let {row.account} go on",
    Kind.ACCOUNT_REFUSED: lambda row: f"{row.subject} could not be started{row.why('reason')}",
    Kind.PLUGIN_BLOCKED: _plugin_blocked,
    Kind.PLUGIN_ENDED: lambda row: (
        f"The process of {row.account}'s plugin ended{row.why('reason')}. It is started anew"
    ),
    Kind.FETCHED: _fetched,
    Kind.IMPORTED: _imported,
    Kind.DAEMON_STARTED: lambda row: f"The daemon started{row.why('version', ', version ')}{_in_doubt(row)}",
    Kind.DAEMON_STOPPING: lambda row: f"The daemon was told to stop{_in_doubt(row)}",
    Kind.SETTINGS_RELOADED: lambda row: (
        f"{_capital(row.who or 'a signal')} had the settings read anew{row.why('changes')}"
    ),
    Kind.STORE_DEGRADED: lambda row: f"The store could not be written{row.why('error')}. Nothing was sent meanwhile",
    Kind.STORE_RECOVERED: lambda _row: "The store can be written again",
    Kind.ALARM: lambda row: f"Alarm: {row.alarm}{row.why('command', '. What helps: ')}",
    Kind.ALARM_OVER: lambda row: f"The alarm is over that {row.alarm}",
    Kind.STORE_RESTORED: lambda row: (
        f"A backup was put back{row.why('file')}. Whatever it may have forgotten is looked up before it is sent"
    ),
    Kind.KEY_CHANGED: lambda row: f"All that is sealed was sealed anew{row.why('key', ' with the key ')}",
    Kind.BACKUP_MADE: lambda row: (
        f"A backup was made{f' for {row.who}' if row.who else ''}{row.why('file')}{row.why('orders', ', orders: ')}"
    ),
    Kind.BACKUP_FAILED: lambda row: f"Something is wrong with the backups{row.why('reason')}",
}


def _remedy(row: _Row) -> str:
    return f"What helps: {row['command'] or f'orderferry login {row.account}'}"
