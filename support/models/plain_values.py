"""Names and settings out of a file, checked: numbers, words, lists, and Keras' own ways to write slices and arrays."""

from support.models.allowed import NotAllowed


def safe_name(name):
    """Return a layer's name without anything that means something in a path or a terminal."""
    plain = "".join(
        letter if letter.isascii() and (letter.isalnum() or letter in "_-.") else "_" for letter in str(name or "layer")
    )
    return plain.strip(".")[:80] or "layer"


def dtype_name(value, name):
    """Return the name of a dtype or of a policy for dtypes; None for the default."""
    if isinstance(value, dict):
        value = value.get("config", {}).get("name")
    if value is None:
        return None
    if str(value).split("_")[-1] not in (
        "float16",
        "bfloat16",
        "float32",
        "float64",
        "int32",
        "int64",
        "uint8",
        "bool",
    ):
        raise NotAllowed(f"layer {name!r} computes in {str(value)[:40]!r}; expected is float32 or a mixed precision")
    return value


def plain_value(value, name):
    """Check that a setting consists of numbers, words, lists and Keras' own ways to write slices and arrays."""
    if value is None or isinstance(value, bool | str):
        return value
    if isinstance(value, int | float):
        if isinstance(value, int) and abs(value) > 2**31:
            raise NotAllowed(f"layer {name!r} has a setting of {value:.1e}, which is too large")
        return value
    if isinstance(value, list):
        return [plain_value(inner, name) for inner in value]
    if not isinstance(value, dict):
        raise NotAllowed(f"layer {name!r} has a setting that is no number, word or list")
    kind = value.get("class_name")
    if kind is None:
        return {str(key): plain_value(inner, name) for key, inner in value.items()}
    inner = value.get("config") or {}
    if kind == "__ellipsis__":
        return {"class_name": kind, "config": {}}
    if kind == "__slice__":
        return {"class_name": kind, "config": {key: plain_value(inner[key], name) for key in ("start", "stop", "step")}}
    if kind in ("__numpy__", "__tensor__"):
        return {
            "class_name": kind,
            "config": {"value": plain_value(inner["value"], name), "dtype": dtype_name(inner["dtype"], name)},
        }
    raise NotAllowed(f"layer {name!r} has a setting of the kind {str(kind)[:60]!r}; expected are numbers and words")
