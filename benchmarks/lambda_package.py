"""Start the package for AWS Lambda as Lambda does, on this machine, and time it.

    python benchmarks/lambda_package.py generator_e200.onnx

It builds the package (deploy/build_lambda.py) for this machine's Python, and starts Amazon's own runtime client
(awslambdaric) in it, in an environment that has nothing else. A small server here speaks Lambda's runtime API
(https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html): it hands out events and takes the answers. Printed are
the package's size, the time from the start to the first request for work and to the first picture, the latency of the
next ones, and the memory. The start here includes that of Python; Lambda adds the time to fetch the package.
"""

import argparse
import base64
import contextlib
import http.server
import json
import os
import pathlib
import queue
import statistics
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from deploy.build_lambda import build

API = "/2018-06-01/runtime"
ARN = "arn:aws:lambda:eu-west-1:000000000000:function:generator"
PNG = b"\x89PNG\r\n\x1a\n"


class RuntimeApi(http.server.ThreadingHTTPServer):
    """Lambda's side: it hands out events, one after the other, and collects what the function says."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Answers)
        self.events, self.results = queue.Queue(), queue.Queue()
        self.first_asked = threading.Event()
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def invoke(self, event, timeout=60):
        """Hand out one event. Returns `(kind, result, seconds)`; the kind is "response", "error" or "init/error"."""
        start = time.perf_counter()
        self.events.put(event)
        kind, result = self.results.get(timeout=timeout)
        return kind, result, time.perf_counter() - start


class Answers(http.server.BaseHTTPRequestHandler):
    """One request of the runtime client."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        """Say nothing."""

    def handle(self):
        """Answer until the function is stopped, which ends its connection."""
        with contextlib.suppress(ConnectionError):
            super().handle()

    def do_GET(self):
        """Wait for an event, and hand it out."""
        self.server.first_asked.set()
        event = self.server.events.get()
        body = json.dumps(event).encode()
        self.send_response(200)
        self.send_header("Lambda-Runtime-Aws-Request-Id", event["requestContext"]["requestId"])
        self.send_header("Lambda-Runtime-Deadline-Ms", str(int(1000 * (time.time() + 30))))
        self.send_header("Lambda-Runtime-Invoked-Function-Arn", ARN)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        """Take an answer or an error."""
        length = int(self.headers.get("Content-Length") or 0)
        if self.headers.get("Transfer-Encoding") == "chunked":
            body = b""
            while size := int(self.rfile.readline(), 16):
                body += self.rfile.read(size)
                self.rfile.readline()
            self.rfile.readline()
        else:
            body = self.rfile.read(length)
        kind = self.path.removeprefix(API + "/")
        self.server.results.put((kind if kind == "init/error" else kind.rsplit("/", 1)[-1], body))
        self.send_response(202)
        self.send_header("Content-Length", "0")
        self.end_headers()


def event(path, query="", number=0):
    """Make an event as a function URL sends it (payload format 2.0)."""
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": "generator.lambda-url.eu-west-1.on.aws", "x-forwarded-proto": "https"},
        "requestContext": {
            "domainName": "generator.lambda-url.eu-west-1.on.aws",
            "http": {"method": "GET", "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7"},
            "requestId": f"request-{number}",
            "stage": "$default",
        },
        "isBase64Encoded": False,
    }


def picture_of(result):
    """Take the PNG out of an answer, or end with what came in its place."""
    kind, body, seconds = result
    answer = json.loads(body) if kind == "response" else {}
    data = base64.b64decode(answer.get("body", "")) if answer.get("isBase64Encoded") else b""
    if answer.get("statusCode") != 200 or not data.startswith(PNG):
        sys.exit(f"no picture came, but {kind}: {body[:500]!r}")
    return data, seconds


def runtime_client(folder):
    """Install Amazon's runtime client into a folder of its own, which is no part of the package."""
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "awslambdaric"]
    subprocess.run([str(word) for word in command], check=True)
    return folder


def started(package, client, api):
    """Start the runtime client in the package. Its environment has the two folders and nothing of this one."""
    environment = {
        "PATH": "/usr/bin:/bin",
        "PYTHONPATH": f"{package}{os.pathsep}{client}",
        "AWS_LAMBDA_RUNTIME_API": f"127.0.0.1:{api.server_port}",
        "LAMBDA_TASK_ROOT": str(package),
        "AWS_LAMBDA_FUNCTION_NAME": "generator",
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "1769",
        "HOME": "/tmp",
    }
    # -S: without the site-packages of this Python; python -m adds no folder but the current one, the package.
    command = [sys.executable, "-S", "-m", "awslambdaric", "deploy.lambda_handler.handler"]
    if hasattr(os, "sched_setaffinity"):
        command = ["taskset", "-c", "0", *command]  # one core, as 1,769 MB have on Lambda
    return subprocess.Popen(command, cwd=package, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)


def resident_megabytes(process):
    """Read the most memory that a process has used."""
    status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def main():
    """Build, start, ask, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=pathlib.Path, help="generator_eXXX.onnx of deploy/export.py")
    parser.add_argument("--requests", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        package, client = pathlib.Path(folder) / "package", pathlib.Path(folder) / "client"
        python = f"{sys.version_info.major}.{sys.version_info.minor}"
        size = build(arguments.file, package, python)
        runtime_client(client)
        print(f"package   {size / 2**20:.0f} MB unpacked")
        colds, firsts = [], []
        for attempt in range(3):  # the first one also fills the disk's cache and writes Python's
            api, start = RuntimeApi(), time.perf_counter()
            process = started(package, client, api)
            while not api.first_asked.wait(0.01):
                if process.poll() is not None:
                    sys.exit(process.stderr.read().decode())
            colds.append(time.perf_counter() - start)
            data, seconds = picture_of(api.invoke(event("/image.png", "seed=0&n=16")))
            firsts.append(colds[-1] + seconds)
            if attempt < 2:
                process.kill()
                api.shutdown()
        print(f"cold      {', '.join(f'{cold:.2f}' for cold in colds)} s from the start to the request for work")
        print(
            f"          {', '.join(f'{first:.2f}' for first in firsts)} s to the first 16 pictures, {len(data):,} bytes"
        )
        warm = [
            picture_of(api.invoke(event("/image.png", f"seed={number}&n=16", number)))[1]
            for number in range(1, arguments.requests + 1)
        ]
        print(f"warm      {1000 * statistics.median(warm):.0f} ms; at most {1000 * max(warm):.0f} ms of {len(warm)}")
        by_chance = {picture_of(api.invoke(event("/image.png", "n=1", 100 + number)))[0] for number in range(3)}
        print(f"seeds     {len(by_chance)} different pictures of 3 requests without a seed")
        refused = json.loads(api.invoke(event("/image.png", "n=99", 200))[1])["statusCode"]
        print(f"refused   {refused} for 99 pictures")
        print(f"memory    {resident_megabytes(process):.0f} MB at most")
        process.kill()
        if refused != 422 or len(by_chance) != 3:
            sys.exit("the function does not behave as the server")


if __name__ == "__main__":
    main()
