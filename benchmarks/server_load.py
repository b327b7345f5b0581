"""How long do callers of the drawing server wait, alone and fifty at once?

    python benchmarks/server_load.py generator_e200.onnx

Starts deploy/serve.py on this machine. Each caller asks for a sheet of 16 pictures, with seeds of its own, as soon as
its last answer has come. Printed are the waiting times that half and 99 % of the answers stayed below, the answers a
second, refusals (503), and the server's memory before and after.
"""

import argparse
import collections
import contextlib
import pathlib
import statistics
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from benchmarks.free_port import free_port

ROOT = pathlib.Path(__file__).resolve().parent.parent


def memory(process):
    """Return a process's resident memory in MB, as Linux tells it."""
    for line in pathlib.Path(f"/proc/{process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1]) / 1000
    return float("nan")


def answer_of(address):
    """Ask once. Returns `(status, seconds)`."""
    start = time.perf_counter()
    try:
        with urllib.request.urlopen(address, timeout=60) as answer:
            answer.read()
            status = answer.status
    except urllib.error.HTTPError as error:
        status = error.code
    return status, time.perf_counter() - start


def ask(address, callers, seconds):
    """Let callers ask for some seconds. Returns `(status, seconds)` of every answer."""
    end, answers = time.perf_counter() + seconds, []

    def call(number):
        seed = number
        while time.perf_counter() < end:
            answers.append(answer_of(f"{address}/image.png?n=16&seed={seed}"))
            seed += callers

    threads = [threading.Thread(target=call, args=(number,)) for number in range(callers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def main():
    """Start the server, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path, help="generator_eXXX.onnx of deploy/export.py")
    parser.add_argument("--callers", type=int, nargs="+", default=[1, 50])
    parser.add_argument("--seconds", type=float, default=20.0, help="how long each crowd asks (20)")
    arguments = parser.parse_args()
    port = free_port()
    address = f"http://127.0.0.1:{port}"
    process = subprocess.Popen(
        [sys.executable, str(ROOT / "deploy" / "serve.py"), str(arguments.file), "--port", str(port)],
        stdout=subprocess.DEVNULL,
    )
    try:
        for _ in range(200):
            with contextlib.suppress(urllib.error.URLError):
                answer_of(f"{address}/health")
                break
            time.sleep(0.1)
        ask(address, 1, 1.0)
        print("| callers | answers a second | p50 | p99 | longest | refused | server's memory before, after |")
        print("|---|---|---|---|---|---|---|")
        for callers in arguments.callers:
            before = memory(process)
            answers = ask(address, callers, arguments.seconds)
            statuses = collections.Counter(status for status, _ in answers)
            waits = sorted(seconds for status, seconds in answers if status == 200)
            p99 = statistics.quantiles(waits, n=100)[98]
            print(
                f"| {callers} | {len(waits) / arguments.seconds:.0f} | {statistics.median(waits) * 1000:.0f} ms "
                f"| {p99 * 1000:.0f} ms | {waits[-1] * 1000:.0f} ms | {sum(statuses.values()) - len(waits)} "
                f"| {before:.0f} MB, {memory(process):.0f} MB |"
            )
            others = set(statuses) - {200, 503}
            if others:
                print(f"unexpected answers: {others}")
    finally:
        process.terminate()
        process.wait()


if __name__ == "__main__":
    main()
