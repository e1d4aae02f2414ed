"""The vault opens what it sealed and nothing else; token files survive any end of the process."""

from __future__ import annotations

import asyncio
import os
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import daemon.vault
from daemon.vault import KEY_BYTES, OVERHEAD, OtherKeyError, TokenFiles, Vault, VaultError, replace_file
from orderferry import NeedsLogin, Unavailable
from orderferry.oauth import Tokens
from orderferry.testing.clock import VirtualClock

KEY = bytes(range(32))
OLD = Tokens(access="old-access", refresh="old-refresh", expires_at=datetime(2026, 1, 5, 9, tzinfo=UTC))
NEW = Tokens(access="new-access", refresh=None, expires_at=datetime(2026, 1, 5, 21, tzinfo=UTC))


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


class TestSealing:
    @given(st.binary(max_size=300), st.text(max_size=30))
    def test_what_was_sealed_is_unsealed(self, plain: bytes, place: str) -> None:
        vault = Vault(KEY)
        sealed = vault.seal(plain, place)
        assert len(sealed) == len(plain) + OVERHEAD
        assert vault.unseal(sealed, place) == plain

    def test_the_same_value_is_never_sealed_to_the_same_bytes(self) -> None:
        vault = Vault(KEY)
        sealed = {vault.seal(b"buyer", "doc|1") for _ in range(1000)}
        assert len(sealed) == 1000
        assert not any(b"buyer" in one for one in sealed)

    def test_another_place(self) -> None:
        vault = Vault(KEY)
        with pytest.raises(VaultError, match=r"of doc\|43 was changed, cut off or moved .* restore it from a backup"):
            vault.unseal(vault.seal(b"x", "doc|42"), "doc|43")

    def test_each_changed_bit_and_each_cut_is_found_out(self) -> None:
        vault = Vault(KEY)
        sealed = vault.seal(b"x", "p")
        for place in range(len(sealed) * 8):
            changed = bytearray(sealed)
            changed[place // 8] ^= 1 << place % 8
            with pytest.raises(VaultError):
                vault.unseal(bytes(changed), "p")
        for length in range(len(sealed)):
            with pytest.raises(VaultError):
                vault.unseal(sealed[:length], "p")

    def test_another_key_is_named(self) -> None:
        here, there = Vault(KEY), Vault(bytes(32))
        with pytest.raises(VaultError) as caught:
            here.unseal(there.seal(b"x", "p"), "p")
        assert there.key_id in str(caught.value)
        assert here.key_id in str(caught.value)
        assert "put that key back" in str(caught.value)

    def test_another_format(self) -> None:
        vault = Vault(KEY)
        with pytest.raises(VaultError, match="was not sealed by this version of the program; run the newer one"):
            vault.unseal(b"\x02" + vault.seal(b"x", "p")[1:], "p")

    def test_nothing_that_prints_a_vault_shows_the_key(self) -> None:
        assert repr(Vault(KEY)) == f"Vault({Vault(KEY).key_id})"
        assert Vault(KEY).key_id not in KEY.hex()


class TestOpening:
    def test_a_key_is_made_once(self, tmp_path: Path) -> None:
        data = tmp_path / "a" / "data"
        vault = Vault.open(data, {})
        assert mode(data / "key") == 0o600
        assert mode(data) == 0o700
        assert len((data / "key").read_bytes()) == KEY_BYTES
        assert [path.name for path in data.iterdir()] == ["key"]
        assert Vault.open(data, {}).unseal(vault.seal(b"x", "p"), "p") == b"x"
        assert Vault.open(tmp_path / "b", {}).key_id != vault.key_id

    def test_a_credential_comes_first(self, tmp_path: Path) -> None:
        (tmp_path / "orderferry.key").write_bytes(KEY)
        vault = Vault.open(tmp_path / "data", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
        assert vault.key_id == Vault(KEY).key_id
        assert not (tmp_path / "data").exists()

    def test_other_credentials_leave_the_file_in_use(self, tmp_path: Path) -> None:
        made = Vault.open(tmp_path / "data", {"CREDENTIALS_DIRECTORY": str(tmp_path)})
        assert made.key_id == Vault((tmp_path / "data" / "key").read_bytes()).key_id

    @pytest.mark.parametrize("length", [0, 31, 33, 64])
    def test_a_key_of_the_wrong_length(self, tmp_path: Path, length: int) -> None:
        (tmp_path / "key").write_bytes(bytes(length))
        (tmp_path / "key").chmod(0o600)
        with pytest.raises(VaultError, match="key is not a key: it must have exactly 32 bytes; put the right one back"):
            Vault.open(tmp_path, {})
        (tmp_path / "orderferry.key").write_bytes(bytes(length))
        with pytest.raises(VaultError, match=r"the credential orderferry\.key is not a key"):
            Vault.open(tmp_path, {"CREDENTIALS_DIRECTORY": str(tmp_path)})

    @pytest.mark.parametrize("bits", [0o640, 0o604, 0o660, 0o602, 0o610])
    def test_a_key_that_others_can_open(self, tmp_path: Path, bits: int) -> None:
        (tmp_path / "key").write_bytes(KEY)
        (tmp_path / "key").chmod(bits)
        with pytest.raises(VaultError, match=r"others on this machine can open .*run `chmod 600"):
            Vault.open(tmp_path, {})

    def test_a_key_of_another_user(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        Vault.open(tmp_path, {})
        monkeypatch.setattr("os.geteuid", lambda: os.getuid() + 1)
        with pytest.raises(VaultError, match="belongs to another user"):
            Vault.open(tmp_path, {})

    def test_a_folder_in_its_place(self, tmp_path: Path) -> None:
        (tmp_path / "key").mkdir()
        with pytest.raises(VaultError, match="the key can't be used: Is a directory"):
            Vault.open(tmp_path, {})

    def test_a_disk_that_refuses(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        with pytest.raises(VaultError, match="the key can't be used: Not a directory"):
            Vault.open(tmp_path / "file" / "data", {})

    async def test_no_new_key_beside_sealed_tokens(self, tmp_path: Path) -> None:
        await TokenFiles(Vault.open(tmp_path, {}), tmp_path).for_account("shop").save(OLD)
        (tmp_path / "key").unlink()
        with pytest.raises(VaultError, match="key is missing; put the key back from your backup"):
            Vault.open(tmp_path, {})
        assert not (tmp_path / "key").exists()

    def test_no_new_key_where_the_caller_has_sealed_data(self, tmp_path: Path) -> None:
        with pytest.raises(VaultError, match="key is missing"):
            Vault.open(tmp_path, {}, create=False)
        assert list(tmp_path.iterdir()) == []

    def test_the_key_of_whoever_was_first_counts(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        link = os.link

        def late(draft: Path, path: Path) -> None:
            path.write_bytes(KEY)
            path.chmod(0o600)
            link(draft, path)

        monkeypatch.setattr("os.link", late)
        assert Vault.open(tmp_path, {}).key_id == Vault(KEY).key_id


class Killed(BaseException):
    """The process ends here: nothing after it is carried out, not even a `finally`."""


STEPS = ("open", "fsync", "replace", "link", "unlink", "fdopen", "mkdir", "chmod")


@pytest.fixture
def kill_at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[int], None]]:
    """Makes the n-th step on the disk, and all after it, end in `Killed`; every second write is cut in half first."""
    real = {name: getattr(os, name) for name in STEPS}
    left = [10_000]

    def step(name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:  # stands in for functions of any shape
            left[0] -= 1
            if left[0] >= 0:
                return real[name](*args, **kwargs)
            if left[0] == -1 and name == "fsync" and stat.S_ISREG(os.fstat(args[0]).st_mode):
                os.ftruncate(args[0], os.fstat(args[0]).st_size // 2)  # not synced: half of it may be all there is
            raise Killed

        return call

    for name in STEPS:
        monkeypatch.setattr(os, name, step(name))

    def arm(count: int) -> None:
        left[0] = count

    yield arm
    left[0] = 10_000


def count_of_kills(run: Callable[[], object], kill_at: Callable[[int], None], check: Callable[[bool], None]) -> int:
    for count in range(50):
        kill_at(count)
        try:
            run()
        except Killed:
            kill_at(10_000)
            check(False)
        else:
            kill_at(10_000)
            check(True)
            return count
    raise AssertionError("never finished")


def test_a_process_killed_at_any_step_leaves_the_old_or_the_new_content(
    tmp_path: Path, kill_at: Callable[[int], None]
) -> None:
    path = tmp_path / "tokens"
    seen = []

    def check(finished: bool) -> None:
        content = path.read_bytes()
        seen.append(content)
        assert content == b"new" * 100 if finished else content in {b"old", b"new" * 100}
        path.write_bytes(b"old")

    path.write_bytes(b"old")
    assert count_of_kills(lambda: replace_file(path, b"new" * 100), kill_at, check) >= 6
    assert set(seen) == {b"old", b"new" * 100}
    assert [found.name for found in tmp_path.iterdir()] == ["tokens"]  # the next save has used the draft up


def test_a_process_killed_while_it_makes_the_key_leaves_a_whole_one_or_none(
    tmp_path: Path, kill_at: Callable[[int], None]
) -> None:
    folders = iter(range(100))
    now = [tmp_path / "first"]

    def check(finished: bool) -> None:
        key = now[0] / "key"
        assert not key.exists() or len(key.read_bytes()) == KEY_BYTES
        assert key.exists() or not finished
        kept = key.read_bytes() if key.exists() else None
        opened = Vault.open(now[0], {})  # the next start
        assert kept is None or opened.key_id == Vault(kept).key_id
        assert {path.name for path in now[0].iterdir()} == {"key"} or kept is None
        now[0] = tmp_path / f"{next(folders)}"

    assert count_of_kills(lambda: Vault.open(now[0], {}), kill_at, check) >= 7


class TestTokenFiles:
    @pytest.fixture
    def files(self, tmp_path: Path) -> TokenFiles:
        return TokenFiles(Vault(KEY), tmp_path)

    async def test_tokens_come_back(self, files: TokenFiles, tmp_path: Path) -> None:
        store = files.for_account("allegro-main")
        assert await store.load() is None
        assert not (tmp_path / "tokens").exists()
        for tokens in (OLD, NEW):
            await store.save(tokens)
            assert await store.load() == tokens
            assert await files.for_account("allegro-main").load() == tokens
            assert await files.for_account("other").load() is None
        assert mode(tmp_path / "tokens") == 0o700
        assert mode(tmp_path / "tokens" / "allegro-main") == 0o600
        assert b"access" not in (tmp_path / "tokens" / "allegro-main").read_bytes()

    async def test_a_folder_that_others_can_read_is_closed(self, files: TokenFiles, tmp_path: Path) -> None:
        (tmp_path / "tokens").mkdir(mode=0o755)
        await files.for_account("a").save(OLD)
        assert mode(tmp_path / "tokens") == 0o700

    async def test_the_tokens_of_another_account_or_key_ask_for_a_login(
        self, files: TokenFiles, tmp_path: Path
    ) -> None:
        await files.for_account("a").save(OLD)
        (tmp_path / "tokens" / "b").write_bytes((tmp_path / "tokens" / "a").read_bytes())
        with pytest.raises(NeedsLogin, match=r"tokens of b can't be opened .* or run `orderferry login b`"):
            await files.for_account("b").load()
        with pytest.raises(NeedsLogin, match="put that key back"):
            await TokenFiles(Vault(bytes(32)), tmp_path).for_account("a").load()
        (tmp_path / "tokens" / "a").write_bytes(Vault(KEY).seal(b'{"access": 1}', "tokens|a"))
        with pytest.raises(NeedsLogin):
            await files.for_account("a").load()

    @pytest.mark.parametrize("name", ["", "../a", "a/b", "a.lock", "A", "-a", "a\n"])
    def test_a_name_that_is_no_account(self, files: TokenFiles, name: str) -> None:
        with pytest.raises(ValueError, match="is not an account's name"):
            files.for_account(name)

    async def test_a_disk_that_refuses_is_not_a_bug_of_the_plugin(self, files: TokenFiles, tmp_path: Path) -> None:
        store = files.for_account("a")
        (tmp_path / "tokens").write_text("")
        for done, ask in (
            ("read", store.load),
            ("saved", lambda: store.save(OLD)),
            ("locked", store.lock().__aenter__),
        ):
            with pytest.raises(Unavailable, match=f"tokens of a can't be {done}"):
                await ask()

    async def test_a_full_disk_keeps_the_old_tokens(
        self, files: TokenFiles, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        store = files.for_account("a")
        await store.save(OLD)

        def full(_: int) -> None:
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", full)
            with pytest.raises(Unavailable, match="No space left"):
                await store.save(NEW)
        assert await store.load() == OLD
        assert [path.name for path in (tmp_path / "tokens").iterdir()] == ["a"]

    async def test_one_at_a_time_within_a_process(self, tmp_path: Path) -> None:
        clock = VirtualClock()
        files = TokenFiles(Vault(KEY), tmp_path, sleep=clock.sleep)
        inside: list[str] = []

        async def renew(name: str) -> None:
            async with files.for_account("a").lock():
                inside.append(name)
                assert len(inside) == 1
                await clock.sleep(10)
                inside.remove(name)

        tasks = [asyncio.create_task(renew(f"task {number}")) for number in range(3)]
        await clock.sleep(0)
        await clock.advance(100)
        await asyncio.gather(*tasks)

    async def test_other_accounts_do_not_wait(self, files: TokenFiles) -> None:
        async with files.for_account("a").lock(), files.for_account("b").lock():
            pass

    async def test_a_cancelled_waiter_leaves_nothing_locked(self, tmp_path: Path) -> None:
        clock = VirtualClock()
        store = TokenFiles(Vault(KEY), tmp_path, sleep=clock.sleep).for_account("a")
        async with store.lock():
            waiter = asyncio.create_task(store.lock().__aenter__())
            await clock.sleep(0)
            assert clock.next_at is not None
            waiter.cancel()
            with suppress(asyncio.CancelledError):
                await waiter
        async with store.lock():
            pass

    async def test_a_cancelled_save_ends_before_the_lock_goes(
        self, files: TokenFiles, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loop = asyncio.get_running_loop()
        begun, saver = asyncio.Event(), files.for_account("a")
        written = daemon.vault.replace_file

        def slow(path: Path, content: bytes) -> None:
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(asyncio.wait_for(cancelled.wait(), 10), loop).result()
            written(path, content)

        cancelled = asyncio.Event()
        monkeypatch.setattr(daemon.vault, "replace_file", slow)
        task = asyncio.create_task(saver.save(NEW))
        await begun.wait()
        task.cancel()
        for _ in range(10):
            await VirtualClock().sleep(0)
        assert not task.done()
        cancelled.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await saver.load() == NEW

    async def test_another_process_waits_until_the_lock_is_free(self, tmp_path: Path) -> None:
        code = f"""
import asyncio, sys
from pathlib import Path
from daemon.vault import TokenFiles, Vault
async def main():
    async def sleep(seconds):
        print("waiting", flush=True)
        sys.stdin.readline()
    async with TokenFiles(Vault(bytes({KEY_BYTES})), Path({str(tmp_path)!r}), sleep=sleep).for_account("a").lock():
        print("inside", flush=True)
asyncio.run(main())
"""
        files = TokenFiles(Vault(KEY), tmp_path)
        with subprocess.Popen(  # noqa: S603, ASYNC220 - our own interpreter; the loop has nothing else to do
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as other:
            assert other.stdin is not None
            assert other.stdout is not None
            async with files.for_account("a").lock():
                assert other.stdout.readline() == "waiting\n"
            other.stdin.write("\n")
            other.stdin.flush()
            assert other.stdout.readline() == "inside\n"
        assert other.returncode == 0


class TestTwoKeys:
    def test_what_either_has_sealed_is_opened_and_the_first_seals(self) -> None:
        old, new = Vault(KEY), Vault(bytes(32))
        both = Vault(bytes(32), KEY)
        for vault in (old, new):
            assert both.unseal(vault.seal(b"x", "p"), "p") == b"x"
        assert both.key_id == new.key_id
        assert new.unseal(both.seal(b"x", "p"), "p") == b"x"

    def test_one_damaged_value_says_nothing_about_the_key(self) -> None:
        here, there = Vault(KEY), Vault(bytes(32))
        whole, damaged = (here.seal(b"x", "p"), "p"), (here.seal(b"x", "p"), "q")
        other = (there.seal(b"x", "p"), "p")
        here.prove([])
        here.prove([damaged])
        here.prove([other, damaged, whole])
        with pytest.raises(OtherKeyError, match=there.key_id):
            here.prove([damaged, other])

    def test_a_key_to_come_seals_and_the_present_one_opens(self, tmp_path: Path) -> None:
        before = Vault.open(tmp_path, {})
        replace_file(tmp_path / "key.next", KEY)
        during = Vault.open(tmp_path, {})
        assert during.key_id == Vault(KEY).key_id
        assert during.unseal(before.seal(b"x", "p"), "p") == b"x"

    def test_a_key_to_come_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        Vault.open(tmp_path, {})
        replace_file(tmp_path / "key.next", KEY)
        (tmp_path / "key.next").chmod(0o640)
        with pytest.raises(VaultError, match="chmod 600"):
            Vault.open(tmp_path, {})
