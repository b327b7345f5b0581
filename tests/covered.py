"""Checks what the tests covered of the six files: 90 % of the lines, and every line that tells or handles an error.

    python -m pytest -n 2 --cov --cov-report=json:coverage.json
    python tests/covered.py coverage.json

It prints the share of each file, and ends with exit code 1 if something is not covered.
"""

import ast
import json
import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
LOWEST = 90.0  # per cent
SIX = ("defDATA.py", "gene_keras.py", "discri_keras.py", "defGAN.py", "train.py", "samples.py")


def error_lines(code):
    """Return the numbers of the lines that raise an error, and those that are run when one was caught."""
    lines = set()
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Raise | ast.ExceptHandler):
            lines |= set(range(node.lineno, node.end_lineno + 1))
    return lines


def faults(measured, codes):
    """List what is not covered as it must be, one line each.

    Args:
        measured: The entries of coverage.py's JSON report, by file name.
        codes: The text of each file that is looked at.
    """
    found = []
    for name, code in codes.items():
        entry = measured.get(name)
        if entry is None:
            found.append(f"{name}: no test imports it")
            continue
        share = entry["summary"]["percent_covered"]
        if share < LOWEST:
            found.append(f"{name}: {share:.1f} % of its lines are covered, {LOWEST:.0f} are needed")
        missing = sorted(error_lines(code) & set(entry["missing_lines"]))
        found += [f"{name}:{line}: no test causes this error" for line in missing]
    return found


def main():
    """Print the share of each file, and what is not covered as it must be; exit code 1 if there is anything."""
    if len(sys.argv) != 2 or not pathlib.Path(sys.argv[1]).is_file():
        sys.exit("give the file of the report: python tests/covered.py coverage.json")
    measured = json.loads(pathlib.Path(sys.argv[1]).read_text(encoding="utf-8"))["files"]
    for name in SIX:
        if name in measured:
            print(f"{name:18} {measured[name]['summary']['percent_covered']:6.1f} %")
    found = faults(measured, {name: (ROOT / name).read_text(encoding="utf-8") for name in SIX})
    print("\n".join(found))
    return int(bool(found))


if __name__ == "__main__":
    sys.exit(main())
