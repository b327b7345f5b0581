"""Build the folder that AWS Lambda runs: the generator, the application, and what it needs.

    python deploy/build_lambda.py generator_e200.onnx             writes build/lambda/, for template.yaml

The packages come from the network, as wheels for Lambda's own Linux and Python, whatever this machine is.
"""

import pathlib
import shutil
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from deploy import PAGE_FILES
from support.system.atomic_files import folder_written_beside
from support.system.command_line import OneLineParser, file_path, place_to_write
from support.system.errors import InputError, one_line_errors

ROOT = pathlib.Path(__file__).resolve().parent.parent
PYTHON = "3.13"  # as Runtime in template.yaml
PLATFORMS = ["manylinux_2_34_x86_64", "manylinux_2_28_x86_64", "manylinux2014_x86_64"]  # Amazon Linux 2023: glibc 2.34
MOST_BYTES = 250 * 1024 * 1024  # Lambda's limit for an unpacked package
CODE = [
    "deploy/__init__.py",
    "deploy/app.py",
    "deploy/drawing.py",
    "deploy/lambda_handler.py",
    *(f"deploy/page/{name}" for name in [*PAGE_FILES, "painter_server.js"]),
    "support/__init__.py",
    *(f"support/drawing/{name}.py" for name in ("__init__", "grid", "noise")),
    *(f"support/system/{name}.py" for name in ("__init__", "atomic_files", "errors")),
]
# onnxruntime asks for these, but only its tools for developers use them.
NOT_NEEDED = ["sympy", "mpmath", "isympy.py", "bin", "share"]


def install(folder, python=PYTHON, platforms=PLATFORMS):
    """Install the packages into a folder.

    Raises:
        InputError: If pip fails.
    """
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--target", folder, "--only-binary=:all:"]
    command += ["--python-version", python, "--implementation", "cp"]
    command += [f"--platform={platform}" for platform in platforms]
    command += ["-r", ROOT / "deploy" / "requirements-lambda.txt"]
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        raise InputError(f"pip failed: {(done.stderr.strip().splitlines() or ['no reason given'])[-1]}")
    for name in NOT_NEEDED:
        path = folder / name
        shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    for cache in folder.rglob("__pycache__"):
        shutil.rmtree(cache)


def build(generator, folder, python=PYTHON, platforms=PLATFORMS):
    """Build the package folder, completely or not at all; an older one is replaced.

    Args:
        generator: Path of the .onnx file.
        folder: Where the package goes.
        python: Version of Python that will run it.
        platforms: The tags of wheels that its Linux takes.

    Returns:
        The number of bytes of all files.

    Raises:
        InputError: If the file is no exported generator, pip fails, or the package is larger than Lambda takes.
    """
    try:
        from deploy.drawing import ExportedGenerator
    except ImportError as error:
        raise InputError(f"{error.name} is not installed; pip install -r deploy/requirements-serve.txt") from None
    ExportedGenerator.opened(generator)  # refuses what is none
    with folder_written_beside(folder, replace=True) as temporary:
        install(temporary, python, platforms)
        for name in CODE:
            place = temporary / name
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(ROOT / name, place)
        shutil.copyfile(generator, temporary / "deploy" / "generator.onnx")
        size = sum(path.stat().st_size for path in temporary.rglob("*") if path.is_file())
        if size > MOST_BYTES:
            raise InputError(f"the package has {size / 2**20:.0f} MB, and Lambda takes 250; train with fewer --filters")
    return size


def main(arguments=None):
    """Read the flags and build."""
    parser = OneLineParser("deploy/build_lambda.py", description="Build the folder that AWS Lambda runs.")
    parser.add_argument("file", type=file_path, help="generator_eXXX.onnx of deploy/export.py")
    default = ROOT / "build" / "lambda"
    parser.add_argument("--out", type=place_to_write, default=default, help="the folder (build/lambda)")
    arguments = parser.parse_args(arguments)
    with one_line_errors("deploy/build_lambda.py"):
        size = build(arguments.file, arguments.out)
        print(f"wrote {arguments.out}: {size / 2**20:.0f} MB of the 250 that Lambda takes")
        print("next: sam deploy --guided --template deploy/template.yaml")


if __name__ == "__main__":
    sys.exit(main())
