"""Does a run of hours stay as it is? Memory, open files and threads of train.py, once a minute.

    python benchmarks/soak.py --out soak -- --preset modern --data cifar10_train.zip --minutes 120
    python benchmarks/soak.py --out soak --table-only       the table and the curve anew, from soak/memory.csv

What follows `--` are flags of train.py; the run is written into `run/` in `--out`. Linux: it reads /proc.
"""

import argparse
import csv
import pathlib
import subprocess
import sys
import time

import matplotlib

matplotlib.use("Agg")
import matplotlib.pyplot as plt

ROOT = pathlib.Path(__file__).resolve().parent.parent
SECONDS = 60  # from one look to the next
COLUMNS = ["seconds", "megabytes", "most_megabytes", "files", "threads"]


def look(process, start):
    """Read what a process holds: a row of `COLUMNS`."""
    folder = pathlib.Path("/proc") / str(process)
    status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
    memory = [int(status[name].split()[0]) / 1024 for name in ("VmRSS", "VmHWM")]
    files = len(list((folder / "fd").iterdir()))
    return [round(time.monotonic() - start), *(round(value, 1) for value in memory), files, int(status["Threads"])]


def play(flags, out):
    """Play train.py with these flags, and write a row a minute. Returns its exit code."""
    start = time.monotonic()
    with open(out / "memory.csv", "w", newline="") as file, open(out / "train.log", "w") as log:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        command = [sys.executable, str(ROOT / "train.py"), *flags, "--out", str(out / "run")]
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
        while process.poll() is None:
            try:
                writer.writerow(look(process.pid, start))
            except (OSError, KeyError):  # it has just ended
                break
            file.flush()
            try:
                process.wait(SECONDS)
            except subprocess.TimeoutExpired:
                pass
            except KeyboardInterrupt:  # the run has got it too, and saves
                break
        return process.wait()


def tell(out):
    """Print a table of six moments, and draw the curve."""
    with open(out / "memory.csv", newline="") as file:
        rows = [{name: float(value) for name, value in row.items()} for row in csv.DictReader(file)]
    if not rows:
        sys.exit(f"soak.py: the run ended before the first look; see {out / 'train.log'}")
    print("| minutes | " + " | ".join(COLUMNS[1:]) + " |\n" + "|---" * 5 + "|")
    for place in range(6):
        row = rows[round(place * (len(rows) - 1) / 5)]
        print(f"| {row['seconds'] / 60:.0f} | " + " | ".join(f"{row[name]:,.0f}" for name in COLUMNS[1:]) + " |")
    figure, axes = plt.subplots(figsize=(7, 2.6), layout="constrained")
    axes.plot([row["seconds"] / 60 for row in rows], [row["megabytes"] for row in rows])
    axes.set(xlabel="minutes", ylabel="MB in memory", ylim=(0, None))
    axes.grid(alpha=0.3)
    figure.savefig(out / "memory.png", dpi=100)
    print(f"drew {out / 'memory.png'}")


def main():
    parser = argparse.ArgumentParser(description="Watch the memory of a long run.")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="a folder for the run, the rows, the curve")
    parser.add_argument("--table-only", action="store_true", help="run nothing")
    parser.add_argument("flags", nargs="*", help="flags of train.py, after --")
    options = parser.parse_args()
    code = 0
    if not options.table_only:
        options.out.mkdir(parents=True, exist_ok=True)
        code = play(options.flags, options.out)
    tell(options.out)
    return code


if __name__ == "__main__":
    sys.exit(main())
