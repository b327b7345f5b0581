"""Writes scores as a table for people, and as JSON for programs."""

import json

from support.system.atomic_files import written_beside

# Of each measure: how its number is written, and what it means.
MEASURES = {
    "FID": ("{:.2f}", "lower is better: how far the generated pictures as a whole are from the real ones"),
    "KID": ("{:.5f}", "lower is better: the same question, fair to few pictures; 0 on average for real ones"),
    "Inception score": ("{:.2f}", "higher is better: clear pictures of many things; looks at no real ones"),
    "precision": ("{:.3f}", "higher is better: the share of generated pictures that could be real"),
    "recall": ("{:.3f}", "higher is better: the share of real pictures that could be generated"),
    "quick distance": ("{:.3f}", "lower is better: compare it with quick distances on the same real pictures only"),
    "copies": ("{:.1%}", "lower is better: the share of generated pictures that copy a real one"),
    "copies expected": ("{:.1%}", "of pictures that copy none: what the same test says of the real pictures"),
}


def table(scores):
    """Return scores as a table, one per line: name, value and spread, meaning.

    Args:
        scores: Dictionary from a measure's name to `(value, spread)`, the spread is None if there is none.
    """
    numbers = {}
    for name, (value, spread) in scores.items():
        form = MEASURES[name][0]
        numbers[name] = form.format(value) + (" ± " + form.format(spread) if spread is not None else "")
    widest_name, widest = (max(map(len, texts)) for texts in (numbers, numbers.values()))
    return "\n".join(f"{name:<{widest_name}}  {text:>{widest}}  {MEASURES[name][1]}" for name, text in numbers.items())


def write_json(path, about, scores):
    """Write scores as JSON, completely or not at all.

    Args:
        path: Path of the file.
        about: Dictionary that says what was measured, and how.
        scores: As for `table`; a spread becomes a separate number, for example "KID spread".
    """
    numbers = {}
    for name, (value, spread) in scores.items():
        numbers[name] = float(value)
        if spread is not None:
            numbers[f"{name} spread"] = float(spread)
    with written_beside(path) as temporary:
        temporary.write_text(json.dumps(about | {"scores": numbers}, indent=2) + "\n", encoding="utf-8")
