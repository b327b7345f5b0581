"""Serve an exported generator on this machine: a page, pictures and walks.

    python deploy/serve.py generator_e200.onnx               http://127.0.0.1:8000
    python deploy/serve.py generator_e200.onnx --port 9000 --host 0.0.0.0       for other machines, too

Needs `pip install -r deploy/requirements-serve.txt`, and no Keras.
"""

import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support.system.command_line import OneLineParser, file_path, whole_number
from support.system.errors import InputError, one_line_errors


def main(arguments=None):
    """Read the flags, open the generator, serve until Ctrl-C."""
    parser = OneLineParser("deploy/serve.py", description="Serve an exported generator.")
    parser.add_argument("file", type=file_path, help="generator_eXXX.onnx of deploy/export.py")
    parser.add_argument("--host", default="127.0.0.1", help="whose requests are answered (127.0.0.1: this machine's)")
    parser.add_argument("--port", type=whole_number(1, 65535), default=8000, help="(8000)")
    arguments = parser.parse_args(arguments)
    with one_line_errors("deploy/serve.py"):
        try:
            import uvicorn

            from deploy.app import make_app
            from deploy.drawing import ExportedGenerator
        except ImportError as error:
            raise InputError(f"{error.name} is not installed; pip install -r deploy/requirements-serve.txt") from None
        generator = ExportedGenerator.opened(arguments.file)
        try:
            listening = socket.create_server((arguments.host, arguments.port))
        except OSError as error:
            where = f"--host {arguments.host} --port {arguments.port}"
            raise InputError(f"{where}: {error.strerror}; name another --port, or a --host of this machine") from None
        print(f"http://{arguments.host}:{arguments.port}    (Ctrl-C stops)", flush=True)
        server = uvicorn.Server(uvicorn.Config(make_app(generator), log_level="warning", server_header=False))
        server.run(sockets=[listening])


if __name__ == "__main__":
    sys.exit(main())
