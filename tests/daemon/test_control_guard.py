"""Who may ask, and what happens to whoever asks badly."""
# ruff: noqa: ASYNC240 - a look into the test's own folder holds nobody up

from __future__ import annotations

import asyncio
import os
import socket
import stat
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
import pytest

from daemon.control.guard import Limits, Refusal, check_may_act
from daemon.control.listening import SocketError, listen
from daemon.control.server import ControlServer
from tests.daemon.control_fakes import QUICK, FakeHub, FakeLog, problem_of, raw, request, serving, status_of, until

JSON = "Content-Type: application/json"


@pytest.fixture
def hub() -> FakeHub:
    return FakeHub()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "run" / "orderferry.sock"


@pytest.fixture
async def served(hub: FakeHub, path: Path) -> AsyncIterator[Path]:
    async with serving(hub, path):
        yield path


async def test_the_socket_is_for_its_group_in_a_folder_for_its_group(served: Path) -> None:
    assert stat.S_IMODE(served.stat().st_mode) == 0o660
    assert stat.S_IMODE(served.parent.stat().st_mode) == 0o750


async def test_a_folder_that_is_there_keeps_its_mode(hub: FakeHub, path: Path) -> None:
    path.parent.mkdir(mode=0o700)
    async with serving(hub, path):
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700


async def test_a_folder_that_all_may_write_is_refused_unless_sticky(hub: FakeHub, path: Path) -> None:
    path.parent.mkdir()
    path.parent.chmod(0o777)
    with pytest.raises(SocketError, match="chmod o-w"):
        await ControlServer(hub, path, log=FakeLog()).start()
    path.parent.chmod(0o1777)
    async with serving(hub, path):
        assert status_of(await raw(path, request())) == 200


async def test_a_socket_left_behind_is_replaced(hub: FakeHub, path: Path) -> None:
    listen(path).close()
    assert path.is_socket()
    async with serving(hub, path):
        assert status_of(await raw(path, request())) == 200


async def test_a_socket_at_which_somebody_answers_is_left_alone(hub: FakeHub, served: Path) -> None:
    with pytest.raises(SocketError, match="another daemon answers"):
        await ControlServer(hub, served, log=FakeLog()).start()
    assert status_of(await raw(served, request())) == 200


async def test_a_crowded_socket_counts_as_alive(path: Path) -> None:
    path.parent.mkdir()
    crowded = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    crowded.bind(str(path))
    crowded.listen(0)
    waiting = []
    try:
        while True:
            client = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            waiting.append(client)
            client.setblocking(False)
            if client.connect_ex(str(path)) != 0:
                break
        with pytest.raises(SocketError, match="another daemon answers"):
            listen(path)
    finally:
        for client in [*waiting, crowded]:
            client.close()


@pytest.mark.parametrize("kind", ["file", "folder", "link"])
def test_what_is_no_socket_is_never_removed(path: Path, kind: str) -> None:
    path.parent.mkdir()
    target = path.parent / "precious"
    target.write_text("precious")
    match kind:
        case "file":
            path.write_text("precious")
        case "folder":
            path.mkdir()
        case _:
            path.symlink_to(target)
    with pytest.raises(SocketError, match="is not a socket"):
        listen(path)
    assert path.exists()
    assert target.read_text() == "precious"


def test_a_path_too_long_for_a_socket_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(SocketError, match="at most 107 bytes"):
        listen(tmp_path / ("x" * 120) / "s.sock")


async def test_stop_removes_the_socket(hub: FakeHub, path: Path) -> None:
    async with serving(hub, path):
        pass
    assert not path.exists()


async def test_stop_leaves_the_socket_of_another(hub: FakeHub, path: Path) -> None:
    async with serving(hub, path):
        path.unlink()
        other = listen(path)
    other.close()
    assert path.is_socket()


async def test_a_listening_socket_may_be_handed_in(hub: FakeHub, path: Path) -> None:
    given = listen(path)
    async with serving(hub, path, sock=given):
        assert status_of(await raw(path, request())) == 200
    assert path.is_socket(), "whoever made it removes it"


@pytest.mark.parametrize("host", ["", "localhost", "orderferry", "orderferry.sock", "own.sock", None])
async def test_our_own_names_are_answered(hub: FakeHub, tmp_path: Path, host: str | None) -> None:
    path = tmp_path / "own.sock"
    async with serving(hub, path):
        sent = request(host=host)
        if host is None:
            sent = sent.replace(b"HTTP/1.1", b"HTTP/1.0")
        assert status_of(await raw(path, sent)) == 200


@pytest.mark.parametrize(
    "host", ["evil.example", "localhost.evil.example", "127.0.0.1", "localhost:80", "LOCALHOST", "other.sock", "[::1]"]
)
async def test_any_other_host_is_refused(served: Path, host: str) -> None:
    answer = await raw(served, request(host=host))
    assert status_of(answer) == 403
    assert problem_of(answer).code == "forbidden"


async def test_two_hosts_are_refused(served: Path) -> None:
    assert status_of(await raw(served, request("GET", "/v1/status", "Host: localhost"))) in {400, 403}


@pytest.mark.parametrize("header", ["Origin: null", "Origin: http://localhost", "sec-fetch-site: none", "ORIGIN:"])
async def test_whatever_a_browser_adds_is_refused(served: Path, header: str) -> None:
    answer = await raw(served, request("GET", "/v1/status", header))
    assert status_of(answer) == 403
    assert problem_of(answer).code == "forbidden"


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "application/jsonp", ""])
async def test_a_command_must_be_json(hub: FakeHub, served: Path, kind: str | None) -> None:
    headers = [] if kind is None else [f"Content-Type: {kind}"]
    answer = await raw(served, request("POST", "/v1/orders/12/forward", *headers, body=b"{}"))
    assert status_of(answer) == 415
    assert problem_of(answer).code == "invalid"
    assert hub.commands == []


async def test_json_with_a_charset_is_json(served: Path) -> None:
    header = "Content-Type: Application/JSON; charset=utf-8"
    assert status_of(await raw(served, request("POST", "/v1/orders/12/forward", header, body=b"{}"))) == 200


async def test_a_compressed_body_is_refused(served: Path) -> None:
    headers = (JSON, "Content-Encoding: gzip")
    assert status_of(await raw(served, request("POST", "/v1/fetch", *headers, body=b"\x1f\x8b"))) == 415


async def test_a_body_of_a_mebibyte_is_read_and_no_more(served: Path) -> None:
    room = 1024 * 1024 - len(b'{"shop":""}')
    fits = b'{"shop":"%s"}' % (b"x" * room)
    assert status_of(await raw(served, request("POST", "/v1/orders/12/forward", JSON, body=fits))) == 200
    answer = await raw(served, request("POST", "/v1/orders/12/forward", JSON, body=fits + b" "))
    assert status_of(answer) == 413
    assert "1048576 bytes" in problem_of(answer).message


async def test_a_chunked_body_can_not_hide_its_size(served: Path) -> None:
    chunk = b"10000\r\n" + b" " * 65536 + b"\r\n"
    sent = request("POST", "/v1/orders/12/forward", JSON, "Transfer-Encoding: chunked") + chunk * 17 + b"0\r\n\r\n"
    assert status_of(await raw(served, sent)) == 413


async def test_a_body_broken_off_is_no_command(hub: FakeHub, served: Path) -> None:
    sent = request("POST", "/v1/orders/12/forward", JSON, "Content-Length: 100") + b"{}"
    await raw(served, sent, end=True)
    assert hub.commands == []


async def test_a_chunked_body_out_of_shape_is_no_command(hub: FakeHub, served: Path) -> None:
    sent = request("POST", "/v1/orders/12/forward", JSON, "Transfer-Encoding: chunked") + b"zz\r\n{}\r\n"
    assert status_of(await raw(served, sent)) == 400
    assert hub.commands == []


@pytest.mark.parametrize(
    "headers",
    [["X: " + "a" * 8200], [f"X-{number}: " + "a" * 200 for number in range(40)], ["Cookie: " + "a" * 8150]],
    ids=["one line", "many lines", "just too long"],
)
async def test_headers_beyond_8_kib_are_refused(served: Path, headers: list[str]) -> None:
    answer = await raw(served, request("GET", "/v1/status", *headers))
    assert status_of(answer) == 431
    assert problem_of(answer).code == "invalid"


async def test_a_target_beyond_8_kib_is_refused(served: Path) -> None:
    assert status_of(await raw(served, request("GET", "/v1/orders/" + "1" * 9000))) == 431


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n",
        b"hello\r\n\r\n",
        b"GET /v1/status HTTP/9.9\r\n\r\n",
        b"GET  HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /v1/status HTTP/1.1\r\nHost localhost\r\n\r\n",
        b"POST /v1/fetch HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /v1/fetch HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
    ],
)
async def test_what_is_no_http_gets_a_problem(served: Path, sent: bytes) -> None:
    answer = await raw(served, sent)
    assert status_of(answer) == 400
    assert problem_of(answer).code == "invalid"
    assert status_of(await raw(served, request())) == 200


async def test_an_absolute_target_is_refused(served: Path) -> None:
    assert status_of(await raw(served, request("GET", "http://localhost/v1/status"))) == 400


@pytest.mark.parametrize("method", ["PUT", "DELETE", "HEAD", "OPTIONS", "POST", "PATCH", "CONNECT"])
async def test_another_method_is_405(served: Path, method: str) -> None:
    answer = await raw(served, request(method, "/v1/status", JSON))
    assert status_of(answer) == 405 or (method == "CONNECT" and status_of(answer) == 400)
    if status_of(answer) == 405:
        assert b"Allow: GET\r\n" in answer


async def test_who_sends_no_whole_head_in_time_loses_the_place(hub: FakeHub, path: Path) -> None:
    limits = msgspec.structs.replace(QUICK, read=0.2, connections=1)
    async with serving(hub, path, limits=limits):
        slow = await asyncio.wait_for(raw(path, b"GET /v1/status HTTP/1.1\r\nHost: local"), 10)
        assert slow == b""
        assert status_of(await raw(path, request())) == 200


async def test_a_drop_now_and_then_does_not_keep_the_place(hub: FakeHub, path: Path) -> None:
    loop = asyncio.get_running_loop()
    async with serving(hub, path, limits=msgspec.structs.replace(QUICK, read=0.2)):
        reader, writer = await asyncio.open_unix_connection(str(path))

        def drip(drop: bytes) -> None:
            if not writer.is_closing():
                writer.write(drop)
                loop.call_later(0.02, drip, b"x")

        drip(b"GET /v1/status HTTP/1.1\r\nX-Drip: ")
        received = b""
        with suppress(ConnectionError):
            received = await asyncio.wait_for(reader.read(), 10)
        assert received == b""
        writer.close()


async def test_who_sends_no_whole_body_in_time_loses_the_place(hub: FakeHub, path: Path) -> None:
    async with serving(hub, path, limits=msgspec.structs.replace(QUICK, read=0.2)):
        sent = request("POST", "/v1/orders/12/forward", JSON, "Content-Length: 50") + b'{"shop'
        answer = await asyncio.wait_for(raw(path, sent), 10)
        assert answer == b""
        assert hub.commands == []


async def test_the_place_beyond_the_last_is_refused(hub: FakeHub, path: Path) -> None:
    async with serving(hub, path, limits=msgspec.structs.replace(QUICK, connections=3)) as server:
        held = [await asyncio.open_unix_connection(str(path)) for _ in range(3)]
        connections = server._connections
        assert connections is not None
        await until(lambda: len(connections.connections) == 3)
        refused = await raw(path, request())
        assert status_of(refused) == 503
        assert b"Connection: close" in refused
        assert problem_of(refused).code == "unavailable"
        for _, writer in held:
            writer.close()
            await writer.wait_closed()
        await until(lambda: not connections.connections)
        assert status_of(await raw(path, request())) == 200


async def test_who_does_not_take_his_answer_loses_the_place(hub: FakeHub, path: Path) -> None:
    hub.page = msgspec.structs.replace(hub.page, orders=hub.page.orders * 20_000)
    async with serving(hub, path, limits=msgspec.structs.replace(QUICK, write=0.2)) as server:
        _, writer = await asyncio.open_unix_connection(str(path), limit=1)
        writer.write(request("GET", "/v1/orders"))
        connections = server._connections
        assert connections is not None
        await until(lambda: bool(hub.asked_orders) and not connections.connections)
        writer.close()


async def test_the_peer_is_told_to_the_hub_and_to_the_log(hub: FakeHub, path: Path) -> None:
    log = FakeLog()
    async with serving(hub, path, log=log):
        await raw(path, request("POST", "/v1/orders/12/forward", JSON, body=b'{"shop":"my-shop"}'))
    assert hub.commands == [("forward", "12", "my-shop", os.getuid())]
    told = {"uid": os.getuid(), "route": "POST /v1/orders/{order}/forward", "status": 200}
    assert log.of("control_command") == [told]


async def test_who_may_only_read_can_not_act(hub: FakeHub, path: Path) -> None:
    log = FakeLog()
    async with serving(hub, path, log=log, actors=frozenset({65534})):
        assert status_of(await raw(path, request())) == 200
        answer = await raw(path, request("POST", "/v1/orders/12/forward", JSON, body=b"{}"))
    assert status_of(answer) == 403
    assert problem_of(answer).code == "forbidden"
    assert hub.commands == []
    assert log.of("control_refused")[0]["uid"] == os.getuid()


def test_root_the_daemons_user_and_admins_may_act(path: Path) -> None:
    server = ControlServer(FakeHub(), path, admin_uids=(4242,), log=FakeLog())
    actors = server._actors
    assert actors == {0, os.geteuid(), 4242}
    check_may_act(4242, actors)
    with pytest.raises(Refusal):
        check_may_act(4243, actors)
    server.admit((4243,))
    check_may_act(4243, server._actors)
    with pytest.raises(Refusal):
        check_may_act(4242, server._actors)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can ask as another user")
async def test_the_kernels_word_counts_for_who_asks(hub: FakeHub) -> None:
    with TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        Path(folder).chmod(0o755)
        await _ask_as_another(hub, Path(folder) / "orderferry.sock")


async def _ask_as_another(hub: FakeHub, path: Path) -> None:
    async with serving(hub, path):
        path.chmod(0o666)
        script = (
            "import os, socket, sys; os.setgid(65534); os.setuid(65534); s = socket.socket(socket.AF_UNIX); "
            "s.connect(sys.argv[1]); s.sendall(sys.stdin.buffer.read()); sys.stdout.buffer.write(s.recv(99999))"
        )
        asked = await asyncio.create_subprocess_exec(
            sys.executable, "-c", script, str(path), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE
        )
        answer, _ = await asked.communicate(request("POST", "/v1/orders/12/forward", JSON, body=b"{}"))
    assert status_of(answer) == 403
    assert "user 65534" in problem_of(answer).message
    assert hub.commands == []


def test_the_limits_are_those_of_the_docs() -> None:
    limits = Limits()
    assert (limits.body, limits.headers, limits.connections, limits.read) == (1024 * 1024, 8 * 1024, 32, 10.0)
