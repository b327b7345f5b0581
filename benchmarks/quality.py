"""Whose pictures are closest to real ones after the same minutes on the same machine: this suite's, or three peers'?

    python benchmarks/quality.py --data cifar10_train.zip --test-data cifar10_test.zip --features features.pt \\
        --torch-python .peers-torch/bin/python --keras2-python .peers-keras2/bin/python \\
        --seeds 0 1 2 --minutes 10 --out quality            15 runs of 10 minutes, one after the other
    python benchmarks/quality.py --out quality --table-only

The systems are the presets `modern` and `cifar10`, and benchmarks/peers/: the DCGAN of the PyTorch examples, SNGAN in
PyTorch, and the classic loop in Keras 2. No other program may run at the same time. The clock is the same for all: it
starts when the pictures are in memory and the first step (with its compilation) is about to begin; drawing the fakes is
not counted. train.py rehearses a few steps before its own clock starts: a dry run shows how long that takes, and it
trains that much less.

Of each system 10,000 pictures of the last generator are judged, without selection: by the Fréchet distance on the two
networks of feature_networks.py, and by FID if `--inception-weights` has Inception's (evaluate.py). Each run is a row of
results.csv in `--out`; a stopped benchmark continues after the last complete row.
"""

import argparse
import csv
import dataclasses
import json
import os
import pathlib
import shlex
import shutil
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

import numpy as np

import defDATA
from support.drawing.grid import picture_grid, save_image
from support.system.atomic_files import written_beside
from support.system.command_line import OneLineParser, positive_number, whole_number
from support.system.errors import InputError, one_line_errors

ROOT = pathlib.Path(__file__).resolve().parent.parent
COUNT = 10_000  # fakes of each run
IN_THE_GRID = 64
FOREVER = "1000000"
REAL = "real test split"
BUSY = 0.5  # a load average above it means that something else is running
COLUMNS = ["system", "seed", "minutes", "n", "data", "flags", "steps", "pictures", "seconds"]
COLUMNS += ["discriminator_loss", "generator_loss", "imagenet", "cifar", "fid", "versions", "load_before"]
SAME = ("minutes", "n", "data")  # what all rows of a folder share
NETWORKS = ("imagenet", "cifar", "fid")


@dataclasses.dataclass
class System:
    """What is trained.

    Attributes:
        title: Its name in the table.
        preset: The preset of train.py, for ours.
        peer: The script in benchmarks/peers/, for a peer.
        environment: "torch" or "keras2", for a peer.
        flags: What was tuned, beside the preset's or the published settings.
    """

    title: str
    preset: str | None = None
    peer: str | None = None
    environment: str | None = None
    flags: tuple = ()


SYSTEMS = {
    "modern": System("this suite, `modern`, with the classes", preset="modern"),
    "modern_without_classes": System("this suite, `modern`", preset="modern", flags=("--no-conditional",)),
    "cifar10": System("this suite, `cifar10`", preset="cifar10"),
    "dcgan": System(
        "PyTorch examples' DCGAN",
        peer="torch_dcgan.py",
        environment="torch",
        flags=("--width", "32", "--learning-rate", "4e-4"),
    ),
    "sngan": System("SNGAN, PyTorch", peer="torch_sngan.py", environment="torch"),
    "keras2": System("classic loop, Keras 2", peer="keras2_classic.py", environment="keras2"),
}
MODULES = {"torch": "torch", "keras2": "tensorflow"}  # what an environment must be able to import


def read_rows(path):
    """Read results.csv: a list of dictionaries, as they were written; an empty one where there is no file.

    Raises:
        InputError: If it is another table.
    """
    if not path.exists():
        return []
    with open(path, newline="") as file:
        reader = csv.DictReader(file)
        rows = list(reader)
    if reader.fieldnames != COLUMNS:
        raise InputError(f"{path} has other columns than this version writes; name another folder with --out")
    return rows


def write_rows(path, rows):
    """Write results.csv, whole or not at all."""
    with written_beside(path) as temporary, open(temporary, "w", newline="") as file:
        writer = csv.DictWriter(file, COLUMNS)
        writer.writeheader()
        writer.writerows(rows)


def still_to_do(rows, wanted):
    """Say which runs have no row yet.

    Args:
        rows: What `read_rows` gave.
        wanted: Rows to be, dictionaries with `system`, `seed`, `flags`, `minutes`, `n` and `data`, all texts.

    Returns:
        Those of `wanted` whose system and seed have no row.

    Raises:
        InputError: If a row was made in another way, so that the two could not be compared.
    """
    done = {(row["system"], row["seed"]): row for row in rows}
    for new in wanted:
        alike = done.get((new["system"], new["seed"]), {})
        compared = [(row, SAME) for row in rows if row["system"] != REAL] + ([(alike, ("flags",))] if alike else [])
        for row, names in compared:
            for name in names:
                if row[name] != new[name]:
                    raise InputError(
                        f"--out holds {row['system']}, seed {row['seed']}, with {name} {row[name] or 'none'}, "
                        f"received {new[name] or 'none'}; give the same, or another --out"
                    )
    return [new for new in wanted if (new["system"], new["seed"]) not in done]


def mean_and_range(texts):
    """Compute `(mean, lowest, highest)` of a column's numbers, or None where one is missing."""
    if not texts or not all(texts):
        return None
    numbers = [float(text) for text in texts]
    return statistics.fmean(numbers), min(numbers), max(numbers)


def summarize(rows):
    """Compute each system's mean over its seeds, and how it compares with the best peer.

    Args:
        rows: What `read_rows` gave.

    Returns:
        A dictionary from a system to a dictionary: `seeds`, a count; `steps` and `pictures`, means; for each of
        "imagenet", "cifar" and "fid" `(mean, lowest, highest)` or None; and for each of these, named "imagenet ratio"
        and so on, the mean divided by the best peer's, or None. Below 1 is better than every peer.
    """
    names = [name for name in [*SYSTEMS, REAL] if any(row["system"] == name for row in rows)]
    found = {}
    for name in names:
        own = [row for row in rows if row["system"] == name]
        found[name] = {"seeds": len(own)}
        for column in ("steps", "pictures"):
            values = mean_and_range([row[column] for row in own])
            found[name][column] = values and values[0]
        for network in NETWORKS:
            found[name][network] = mean_and_range([row[network] for row in own])
    for network in NETWORKS:
        of_peers = [found[name][network] for name in names if name in SYSTEMS and SYSTEMS[name].peer]
        best = min((values[0] for values in of_peers if values), default=None)
        for name in names:
            values = found[name][network]
            found[name][f"{network} ratio"] = values[0] / best if values and best else None
    return found


def in_digits(number):
    """Say a number with about four digits, a dash for None: `in_digits(12.345)` is "12.35"."""
    if number is None:
        return "-"
    return f"{number:,.0f}" if number >= 1000 else f"{number:.1f}" if number >= 100 else f"{number:.3g}"


def table(rows):
    """Lay the comparison out as a Markdown table."""
    lines = ["| | seeds | steps | real pictures seen | imagenet | to the best peer | cifar | to the best peer | FID |"]
    lines.append("|---|---|---|---|---|---|---|---|---|")
    for name, values in summarize(rows).items():
        title = SYSTEMS[name].title if name in SYSTEMS else name
        cells = [title, str(values["seeds"]) if name != REAL else "-"]
        cells += [f"{values[column]:,.0f}" if values[column] is not None else "-" for column in ("steps", "pictures")]
        for network in NETWORKS:
            mean, lowest, highest = values[network] or (None, None, None)
            spread = f" ({in_digits(lowest)} to {in_digits(highest)})" if lowest != highest else ""
            cells.append(in_digits(mean) + spread)
            if network != "fid":
                ratio = values[f"{network} ratio"]
                cells.append("-" if ratio is None else f"{ratio:.2f}")
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def print_table(out, rows):
    """Print the table, and below it how it was made."""
    print(table(rows))
    trained = [row for row in rows if row["system"] != REAL]
    if trained:
        print(
            f"\n{trained[0]['minutes']} minutes each; Fréchet distances of {int(trained[0]['n']):,} pictures, mean over"
        )
        print("seeds (lowest to highest); to the best peer: below 1 is closer to real pictures than every peer.")
    networks = out / "networks.json"
    if networks.exists():
        for name, network in json.loads(networks.read_text()).items():
            print(f"{name}: {network['about']}; weights' SHA-256 {network['sha256'][:12]}")
    for row in {row["system"]: row for row in trained}.values():
        print(f"{row['system']}: {row['versions']}{', ' + row['flags'] if row['flags'] else ''}")


def run_child(command, log, what, on_line=None):
    """Run a process to its end, and write its output into a log.

    Args:
        command: Its words.
        log: Path of the log.
        what: What it does, for the error.
        on_line: Function of each line of its output, or None.

    Raises:
        InputError: If it fails; the message has its last output.
    """
    environment = os.environ | {"TF_ENABLE_ONEDNN_OPTS": os.environ.get("TF_ENABLE_ONEDNN_OPTS", "1")}  # for all alike
    words = [str(word) for word in command]
    last = ""
    with open(log, "a") as file:
        file.write(f"$ {shlex.join(words)}\n")
        file.flush()
        process = subprocess.Popen(
            words, cwd=ROOT, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        try:
            for line in process.stdout:
                file.write(line)
                last = line.strip() or last
                if on_line:
                    on_line(line)
            code = process.wait()
        finally:
            if process.poll() is None:
                process.kill()
                process.wait()
    if code:
        raise InputError(f"{what} ended with exit code {code}: {last[:200]}; the whole of it is in {log}")


def require_python(python, environment, flag):
    """Refuse an interpreter that is not there, or cannot import what it is needed for."""
    example = f".peers-{environment}"
    python_name = "python3.11" if environment == "keras2" else "python3"
    way_out = (
        f"make it with {python_name} -m venv {example} && "
        f"{example}/bin/pip install -r benchmarks/requirements-peers-{environment}.txt, and give {flag} "
        f"{example}/bin/python"
    )
    try:
        command = [python, "-c", f"import {MODULES[environment]}"]
        missing = subprocess.run(command, capture_output=True, text=True, check=False)
    except OSError as error:
        raise InputError(f"{flag} {python}: {error.strerror}; {way_out}") from None
    if missing.returncode:
        last = (missing.stderr.strip().splitlines() or ["no reason given"])[-1]
        raise InputError(f"{flag} {python} cannot import {MODULES[environment]} ({last[:120]}); {way_out}")


class Stopwatch:
    """Note when train.py began to rehearse, and when it was done: the two lines that it prints around it."""

    def __init__(self):
        self.start = self.seconds = None

    def __call__(self, line):
        if line.startswith("out "):
            self.start = time.monotonic()
        elif line.startswith("time ") and self.start is not None:
            self.seconds = time.monotonic() - self.start


def train_ours(system, seed, arguments, folder, log):
    """Train a preset and draw from its last generator, which leaves `fakes.npz` in `folder`.

    Returns:
        A dictionary with the row's `steps`, `pictures`, `seconds`, losses and `versions`.
    """
    flags = flags_of(system, arguments)
    command = [sys.executable, ROOT / "train.py", "--preset", SYSTEMS[system].preset]
    command += ["--data", arguments.out / "pictures.npz", "--seed", seed, *flags]
    # Within the time only training, as with the peers: checkpoints and plots come at the end.
    command += ["--epochs", FOREVER, "--save-every", FOREVER, "--plot-every", FOREVER, "--checkpoint-minutes", FOREVER]

    rehearsal = Stopwatch()
    run_child([*command, "--out", folder / "rehearsal", "--dry-run"], log, f"{system}'s rehearsal", rehearsal)
    minutes = arguments.minutes - rehearsal.seconds / 60
    if minutes <= 0:
        raise InputError(f"--minutes {arguments.minutes:g} is less than {system}'s rehearsal takes; give more")
    rehearsal = Stopwatch()
    run_child([*command, "--out", folder / "run", "--minutes", f"{minutes:.4f}"], log, system, rehearsal)

    with open(folder / "run" / "training_logs" / "history.csv", newline="") as file:
        history = list(csv.DictReader(file))
    settings = json.loads((folder / "run" / "training_logs" / "settings.json").read_text())
    steps = sum(int(row["steps"]) for row in history)
    generator = max((folder / "run").glob("generator_e*.h5"), key=lambda path: path.stat().st_mtime)
    fakes = folder / "fakes.npz"
    command = [sys.executable, ROOT / "samples.py", generator, "--n", arguments.n, "--seed", seed, "--out", fakes]
    run_child(command, log, f"drawing from {system}")
    return {
        "steps": steps,
        "pictures": steps * settings["batch_size"],
        "seconds": f"{rehearsal.seconds + sum(float(row['seconds']) for row in history):.1f}",
        "discriminator_loss": history[-1]["discriminator_loss"],
        "generator_loss": history[-1]["generator_loss"],
        "versions": versions_in_words(settings["versions"]),
    }


def train_peer(system, seed, arguments, folder, log):
    """Train a peer, which leaves `fakes.npz` in `folder`. Returns the same as `train_ours`."""
    peer = SYSTEMS[system]
    python = arguments.torch_python if peer.environment == "torch" else arguments.keras2_python
    command = [python, ROOT / "benchmarks" / "peers" / peer.peer, "--data", arguments.out / "pictures.npz"]
    command += ["--out", folder, "--minutes", arguments.minutes, "--seed", seed, "--n", arguments.n]
    run_child([*command, *flags_of(system, arguments)], log, system)
    run = json.loads((folder / "run.json").read_text())
    d_loss, g_loss = run["losses"] or ("", "")
    return {
        "steps": run["steps"],
        "pictures": run["pictures"],
        "seconds": f"{run['seconds']:.1f}",
        "discriminator_loss": d_loss,
        "generator_loss": g_loss,
        "versions": versions_in_words(run["versions"] | {"in": run["settings"]["numbers"]}),
    }


def versions_in_words(versions):
    """Say versions in one line: "python 3.11.7, torch 2.13.0"."""
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def flags_of(system, arguments):
    """Give the flags that a system is trained with: those of `--flags`, else the tuned ones of `SYSTEMS`."""
    return arguments.flags.get(system, list(SYSTEMS[system].flags))


def judge(fakes, arguments, log):
    """Measure pictures. Returns a dictionary with the row's `imagenet`, `cifar` and `fid`, the last empty for "no"."""
    found = arguments.out / "judged.json"
    command = [arguments.torch_python, ROOT / "benchmarks" / "feature_networks.py", "--json", found]
    command += ["--data", arguments.out / "pictures.npz", "--weights", arguments.features, "--pictures", fakes]
    run_child([*command, "--n", arguments.n, "--cache", arguments.out], log, "feature_networks.py")
    judged = json.loads(found.read_text())
    found.unlink()
    with written_beside(arguments.out / "networks.json") as temporary:
        temporary.write_text(json.dumps(judged["networks"], indent=2) + "\n")
    distances = judged["distances"][str(fakes)]
    return {name: f"{value:.5f}" for name, value in distances.items()} | {"fid": fid_of(fakes, arguments, log)}


def fid_of(fakes, arguments, log):
    """Ask evaluate.py for FID. Returns it as a text, empty where Inception's weights or evaluate.py are missing."""
    if not arguments.inception_weights:
        return ""
    found = arguments.out / "fid.json"
    command = [arguments.evaluate_python, ROOT / "evaluate.py", fakes, "--data", arguments.out / "pictures.npz"]
    command += ["--inception-weights", arguments.inception_weights, "--json", found]
    try:
        run_child(command, log, "evaluate.py")
    except InputError as error:
        print(f"no FID: {error}", flush=True)
        return ""
    score = json.loads(found.read_text())["scores"]["FID"]
    found.unlink()
    return f"{score:.3f}"


def save_pictures(path, name, source):
    """Bring pictures to 32x32, and save them as the array `name` of an .npz, once. Returns the path.

    Their classes, which `modern` trains on and the peers do not look at, are the array `y_train`.
    """
    if not path.exists():
        pictures = defDATA.load_pictures(source, 32, 32, 3)
        arrays = {name: np.asarray(pictures.images[np.arange(len(pictures))])}
        if pictures.labels is not None:
            arrays["y_train"] = pictures.labels
        with written_beside(path) as temporary:
            np.savez(temporary, **arrays)
    return path


def play(new, arguments):
    """Train, draw, judge. Returns the whole row."""
    system, seed = new["system"], new["seed"]
    folder = arguments.out / f"{system}_seed{seed}"
    shutil.rmtree(folder, ignore_errors=True)  # what a stopped benchmark left: a run cannot be timed in two parts
    folder.mkdir()
    log = folder / "log.txt"
    load = os.getloadavg()[0]
    if load > BUSY:
        print(f"the machine is busy (load average {load:.1f}): these minutes may be worth less than others", flush=True)
    train = train_ours if SYSTEMS[system].preset else train_peer
    row = new | {"load_before": f"{load:.2f}"} | train(system, seed, arguments, folder, log)
    with np.load(folder / "fakes.npz") as arrays:
        save_image(picture_grid(arrays["arr_0"][:IN_THE_GRID]), arguments.out / f"{system}_seed{seed}.png")
    return row | judge(folder / "fakes.npz", arguments, log)


def tuned(text):
    """Parse `modern=--filters 64 --batch-size 32` to `("modern", ["--filters", "64", ...])`."""
    name, equals, words = text.partition("=")
    if not equals or name not in SYSTEMS:
        raise argparse.ArgumentTypeError(f"received {text!r}; give SYSTEM='--flag value ...', of {', '.join(SYSTEMS)}")
    return name, shlex.split(words)


def from_here(path):
    """Make a path absolute, as children run in the suite's folder; a bare name, `python3`, is left to be looked up."""
    return os.path.abspath(path) if path and os.path.dirname(path) else path  # a link stays one: that is how venv works


def parse_arguments(arguments=None):
    """Read the flags."""
    parser = OneLineParser("benchmarks/quality.py", description=__doc__.splitlines()[0])
    add = parser.add_argument
    path = pathlib.Path
    add("--out", type=path, required=True, metavar="FOLDER", help="results.csv, the pictures and each run go there")
    add("--data", metavar="PATH", help="what all train on, as for train.py: CIFAR-10's training split")
    add("--test-data", metavar="PATH", help="real pictures that nobody trains on: a mark of the scale")
    add("--features", type=path, metavar="FILE", help="what train_feature_network.py wrote")
    add("--systems", nargs="+", choices=SYSTEMS, default=list(SYSTEMS), metavar="NAME", help=", ".join(SYSTEMS))
    add("--seeds", nargs="+", type=whole_number(0, 2**32 - 1), default=[0], metavar="SEED", help="a run for each (0)")
    add("--minutes", type=positive_number, default=10.0, help="training time of each run (10)")
    add("--n", type=whole_number(IN_THE_GRID), default=COUNT, help=f"pictures drawn and judged ({COUNT:,})")
    add(
        "--flags", nargs="+", type=tuned, default=[], metavar="SYSTEM='--FLAG VALUE'", help="in place of the tuned ones"
    )
    add("--torch-python", default=".peers-torch/bin/python", metavar="PYTHON", help="see requirements-peers-torch.txt")
    add(
        "--keras2-python", default=".peers-keras2/bin/python", metavar="PYTHON", help="of requirements-peers-keras2.txt"
    )
    add("--inception-weights", metavar="FILE", help="for FID by evaluate.py; without, a dash")
    add("--evaluate-python", default=sys.executable, metavar="PYTHON", help="that runs evaluate.py (this one)")
    add("--table-only", action="store_true", help="train nothing, print the table of what is there")
    return parser.parse_args(arguments)


def main(arguments=None):
    """Train what has no row yet, and print the table."""
    with one_line_errors("quality.py"):
        arguments = parse_arguments(arguments)
        arguments.out, arguments.flags = arguments.out.absolute(), dict(arguments.flags)
        for name in ("torch_python", "keras2_python", "evaluate_python", "inception_weights"):
            setattr(arguments, name, from_here(getattr(arguments, name)))
        results = arguments.out / "results.csv"
        rows = read_rows(results)
        if arguments.table_only:
            if not rows:
                raise InputError(f"--out {arguments.out} holds no results.csv with a row; leave --table-only out first")
            print_table(arguments.out, rows)
            return
        for flag in ("data", "features"):
            if getattr(arguments, flag) is None:
                raise InputError(f"--{flag} is missing; give it, or --table-only for the table of what is there")
        if not arguments.features.is_file():
            raise InputError(
                f"--features {arguments.features}: no such file; make it with python "
                f"benchmarks/train_feature_network.py --out {arguments.features}"
            )
        common = {"minutes": f"{arguments.minutes:g}", "n": str(arguments.n), "data": pathlib.Path(arguments.data).name}
        wanted = [
            common | {"system": system, "seed": str(seed), "flags": shlex.join(flags_of(system, arguments))}
            for seed in arguments.seeds
            for system in arguments.systems
        ]
        to_do = still_to_do(rows, wanted)
        require_python(arguments.torch_python, "torch", "--torch-python")  # it judges all
        if any(SYSTEMS[new["system"]].environment == "keras2" for new in to_do):
            require_python(arguments.keras2_python, "keras2", "--keras2-python")
        arguments.features = arguments.features.absolute()
        arguments.out.mkdir(parents=True, exist_ok=True)
        save_pictures(arguments.out / "pictures.npz", "x_train", arguments.data)

        if arguments.test_data and not any(row["system"] == REAL for row in rows):
            test = save_pictures(arguments.out / "test.npz", "arr_0", arguments.test_data)
            empty = dict.fromkeys(COLUMNS, "")
            row = empty | common | {"system": REAL} | judge(test, arguments, arguments.out / "log.txt")
            rows.append(row)
            write_rows(results, rows)
        for number, new in enumerate(to_do, 1):
            print(f"run {number} of {len(to_do)}: {new['system']}, seed {new['seed']}", flush=True)
            rows.append(play(new, arguments))
            write_rows(results, rows)
        print_table(arguments.out, rows)


if __name__ == "__main__":
    main()
