"""Thousands of requests against the server's own description: does any of them bring it down, or make it grow?

schemathesis (https://schemathesis.readthedocs.io) reads /docs/openapi.json and makes requests that fit it and requests
that do not. All go to a server of this test's own, on this machine.
"""

import contextlib
import pathlib
import socket
import subprocess
import sys
import time

import pytest

pytest.importorskip("onnx", reason="the tests make their models with it")
schemathesis = pytest.importorskip("schemathesis", reason="deploy/requirements-tests.txt is not installed")
pytest.importorskip("uvicorn", reason="the server is not installed: deploy/requirements-serve.txt")
import hypothesis
import requests  # schemathesis brings it
from schemathesis import checks

from benchmarks.free_port import free_port
from test_deploy_app import save_toy

ROOT = pathlib.Path(__file__).resolve().parent.parent
FEW, MANY = 100, 1000  # requests to each address that has parameters, before and while the memory is watched
MOST_GROWTH = 20_000  # kB; the same requests again must not need more memory
CHECKS = [
    checks.not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_schema_conformance,
    checks.negative_data_rejection,
]


def resident_memory(process):
    """Read a process's memory in kB, where the system tells it."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    """A server with three classes of 8x8 pictures: its process and its address."""
    path = save_toy(tmp_path_factory.mktemp("toy") / "toy.onnx")
    port = free_port()
    command = [sys.executable, str(ROOT / "deploy" / "serve.py"), str(path), "--port", str(port)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    address = f"http://127.0.0.1:{port}"
    for _ in range(200):
        with contextlib.suppress(requests.ConnectionError):
            requests.get(f"{address}/health", timeout=5)
            break
        time.sleep(0.1)
    yield process, address
    process.terminate()
    process.wait()


def bombard(address, seed, examples):
    """Send so many requests to each address that has parameters; return how often each status came."""
    schema = schemathesis.openapi.from_url(f"{address}/docs/openapi.json")
    found = {}
    patient = hypothesis.settings(
        max_examples=examples, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck)
    )
    for operation in schema.include(path_regex="image|walk").get_all_operations():
        fitting, others = (operation.ok().as_strategy(generation_mode=mode) for mode in schemathesis.GenerationMode)

        @hypothesis.seed(seed)
        @patient
        @hypothesis.given(case=fitting | others)
        def ask(case):
            response = case.call()
            found[response.status_code] = found.get(response.status_code, 0) + 1
            case.validate_response(response, checks=CHECKS)

        ask()
    return found


@pytest.mark.skipif(not pathlib.Path("/proc/self/status").exists(), reason="memory is read as Linux tells it")
def test_no_request_brings_it_down_or_makes_it_grow(server):
    """Would catch a parameter that ends in a 500, an answer that the description does not know, and a leak."""
    process, address = server
    bombard(address, seed=0, examples=FEW)  # whatever is allocated once is allocated now
    before = resident_memory(process)
    found = bombard(address, seed=1, examples=MANY)
    assert set(found) <= {200, 405, 422} and found[200] > 100 and found[422] > 100, found
    assert resident_memory(process) - before < MOST_GROWTH
    assert process.poll() is None and requests.get(f"{address}/image.png?seed=1", timeout=10).status_code == 200


@pytest.mark.parametrize(
    "line",
    [
        b"GET /image.png?seed=1&seed=%ff HTTP/1.1",
        b"GET /%00 HTTP/1.1",
        b"BREW / HTTP/1.1",
        b"GET / HTTP/9.9",
        b"\x00" * 100,
    ]
    + [b"GET /" + b"a" * 100_000 + b" HTTP/1.1", b"GET /image.png?" + b"&".join([b"n=1"] * 5000) + b" HTTP/1.1"],
)
def test_raw_bytes_do_not_bring_it_down(server, line):
    """Would catch a request that no client library would send, and that ends the server or shows a trace."""
    process, address = server
    host, port = address.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as connection:
        connection.sendall(line + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b""
        with contextlib.suppress(ConnectionResetError):
            while piece := connection.recv(65536):
                answer += piece
    assert b"Traceback" not in answer and b" 500 " not in answer.split(b"\r\n", 1)[0]
    assert process.poll() is None and requests.get(f"{address}/health", timeout=10).json() == {"status": "ok"}
