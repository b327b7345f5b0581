"""The README: its page of code is played, its flags are the parser's, and what it names is there.

    python tests/test_readme.py         prints the table of flags, to be put between the README's two markers

Its shell commands are not run here: .ci/run runs the first two, and the others take hours.
"""

import ast
import importlib.util
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys

import pytest

ROOT = pathlib.Path(__file__).resolve().parent.parent
PAGE_FILES = ["gene_keras.py", "discri_keras.py", "defGAN.py"]
LONGEST_PAGE = 40  # lines
PAGE_NAME = "my_gan.py"
PICTURES, BATCH = 80, 4  # one epoch of 20 steps

# Plays the page in a folder that holds nothing but it and the three files: small pictures take the place of the
# download, and the weights are kept as they are when the players are compiled.
DRIVER = f"""
import json
import runpy

import keras
import numpy as np

import defGAN

random = np.random.default_rng(0)
pictures = random.integers(0, 256, ({PICTURES}, 32, 32, 3), dtype="uint8"), np.zeros(({PICTURES}, 1), "uint8")
keras.datasets.cifar10.load_data = lambda: (pictures, pictures)
compile_players, before = defGAN.compile_players, {{}}


def copies(model):
    return {{
        variable.path: np.array(keras.ops.convert_to_numpy(variable))
        for variable in model.trainable_variables
        if variable.path.endswith("kernel")
    }}


def compile_and_note(generator, discriminator, *others, **named):
    before.update(generator=copies(generator), discriminator=copies(discriminator))
    return compile_players(generator, discriminator, *others, **named)


defGAN.compile_players = compile_and_note
page = runpy.run_path("{PAGE_NAME}", run_name="__main__")
noise = random.standard_normal((2, 100), dtype="float32")
drawn = page["generator"].predict_on_batch(noise)
reopened = keras.models.load_model("generator.keras").predict_on_batch(noise)
print(json.dumps({{
    "backend": keras.backend.backend(),
    "kernels": {{player: len(kernels) for player, kernels in before.items()}},
    "still": [
        path
        for player, kernels in before.items()
        for path, kernel in copies(page[player]).items()
        if np.array_equal(kernel, kernels[path])
    ],
    "steps of D": int(page["discriminator"].optimizer.iterations),
    "steps of G": int(page["combined"].optimizer.iterations),
    "same when opened again": bool(np.allclose(drawn, reopened, atol=1e-5)),
}}))
"""


def readme():
    """Give the README's text."""
    return (ROOT / "README.md").read_text(encoding="utf-8")


def blocks(*languages):
    """Give the README's blocks of code in these languages, in their order."""
    fences = re.findall(r"^```(\w*)\n(.*?)^```$", readme(), flags=re.MULTILINE | re.DOTALL)
    return [code for language, code in fences if language in languages]


def page():
    """Give the README's page of Python: its only block of Python."""
    (code,) = blocks("python")
    return code


def commands():
    """Give the commands of the README's shell blocks, each a list of words, without comments."""
    lines = "".join(blocks("bash", "sh")).replace("\\\n", " ").replace("&&\n", "&& ").splitlines()
    words = [shlex.split(command, comments=True) for line in lines for command in line.split("&&")]
    return [command for command in words if command]


def train_parser():
    """Make train.py's parser."""
    import defDATA
    import train
    from modern.augment import KINDS
    from support.run import flags

    return flags.make_parser(train.PRESETS, train.NETWORKS, train.LOSSES, KINDS, defDATA.SOURCES)


def flag_row(action):
    """Write one flag as a row of the table."""
    flags = ", ".join(f"`{flag}`" for flag in action.option_strings)
    if action.nargs == 0:
        value = ""
    elif action.metavar:
        value = action.metavar
    elif action.choices:
        value = ", ".join(f"`{choice}`" for choice in action.choices)
    else:
        value = "number"
    return f"| {flags} | {value} | {action.help} |"


def flag_table(parser):
    """Write all flags of a parser as Markdown, a table for each group."""
    parts = []
    for group in parser._action_groups:  # argparse has no public way to ask for them
        actions = [action for action in group._group_actions if action.dest not in ("help", "version")]
        if actions:
            title = "the system" if group is parser._optionals else group.title
            heading = f"**{title}**\n\n| flag | value | what it does |\n|---|---|---|"
            parts.append("\n".join([heading, *map(flag_row, actions)]))
    return "\n\n".join(parts)


def tree():
    """Give the paths of the README's annotated tree: its block of text that begins with defDATA.py."""
    (drawn,) = (code for code in blocks("text") if code.startswith("defDATA.py"))
    paths, folders = [], []
    for line in drawn.splitlines():
        indent, name = re.match(r"( *)(\S+)", line).groups()
        folders = folders[: len(indent) // 2]
        paths.append("".join(folders) + name)
        folders.append(name)
    return paths


def is_installed(backend):
    """Say whether a backend is installed, without starting it."""
    return importlib.util.find_spec(backend) is not None


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_page_plays(backend, tmp_path):
    """Would catch a page that does not run with the three files alone, or whose players stand still."""
    if not is_installed(backend):
        pytest.skip(f"{backend} is not installed")
    code = page()
    # These two lines are all that is changed: as they stand, the page plays for hours.
    for line, shorter in (("EPOCHS = 200\n", "EPOCHS = 1\n"), ("BATCH = 128\n", f"BATCH = {BATCH}\n")):
        assert code.count(line) == 1
        code = code.replace(line, shorter)
    for name in PAGE_FILES:
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / PAGE_NAME).write_text(code, encoding="utf-8")
    environment = os.environ | {"KERAS_BACKEND": backend, "CUDA_VISIBLE_DEVICES": "", "TF_CPP_MIN_LOG_LEVEL": "3"}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run(
        [sys.executable, "-c", DRIVER], cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    *printed, found = done.stdout.splitlines()
    found = json.loads(found)
    assert found["backend"] == backend
    assert found["kernels"] == {"generator": 5, "discriminator": 5}
    assert found["still"] == []
    assert found["steps of D"] == 40  # 20 steps: real, then fakes
    assert found["steps of G"] == 20
    assert found["same when opened again"]
    assert any(re.search(r"D\(x\) 0\.\d\d.*D\(G\(z\)\) 0\.\d\d", line) for line in printed), printed


def test_page_is_a_page():
    """Would catch a page that grows, or that needs more than the three files, Keras and NumPy."""
    code, names = page(), set()
    assert len(code.splitlines()) <= LONGEST_PAGE
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.partition(".")[0])
    assert names == {"keras", "numpy", *(name.removesuffix(".py") for name in PAGE_FILES)}


def test_flag_table():
    """Would catch a flag of train.py that is new, gone or explained in other words than in the README."""
    held = re.search(r"<!-- flags -->\n(.*)\n<!-- end of flags -->", readme(), flags=re.DOTALL)
    assert held, "README.md lacks the markers <!-- flags --> and <!-- end of flags -->"
    is_same = held[1].strip() == flag_table(train_parser())
    assert is_same, (
        "the README's table of flags is not that of train.py: run `python tests/test_readme.py` and put what it prints "
        "between <!-- flags --> and <!-- end of flags --> in README.md"
    )


def test_preset_table():
    """Would catch a preset that the README lacks, or whose size, batch, epochs or loss it does not say as it is."""
    from presets import ON_A_CPU, PRESETS

    for name, values in PRESETS.items():
        row = re.search(rf"^\| `{name}` \|(.*)\|$", readme(), flags=re.MULTILINE)
        assert row, f"README.md has no row for the preset {name}"
        pictures, networks, loss, batch, epochs, rate = (cell.strip() for cell in row[1].split("|"))
        values = {key: ON_A_CPU.get(key) if value is None else value for key, value in values.items()}
        assert "x".join(map(str, [*values["image_size"], values["channels"]])) in pictures, name
        assert f"`{values['network']}`" in networks, name
        assert f"`{values['loss']}`" in loss, name
        assert batch.split()[0] == str(values["batch_size"]), name
        assert epochs == str(values["epochs"]), name
        assert float(rate.split()[0]) == values["learning_rate"], name


def test_loss_table():
    """Would catch a loss that the README lacks, or for which it gives another loss of a D that cannot tell."""
    from train import LOSSES

    for name, values in LOSSES.items():
        row = re.search(rf"^\| `{name}` \|.*\| (-?[\d.]+) \|$", readme(), flags=re.MULTILINE)
        assert row, f"README.md has no row for the loss {name}"
        assert float(row[1]) == pytest.approx(values["at_chance"], abs=5e-4), name


def test_commands_are_there():
    """Would catch a command of the README whose file was moved or renamed."""
    named = re.findall(r"python (?:-m (modern[\w.]*)|([\w./]+\.py))", readme())
    paths = {script or module.replace(".", "/") + ".py" for module, script in named} - {PAGE_NAME}
    assert {"train.py", "samples.py", "modern/eye.py"} <= paths
    assert [path for path in sorted(paths) if not (ROOT / path).is_file()] == []


def test_commands_parse():
    """Would catch a command of the README with a flag or a value that train.py or samples.py refuses."""
    import samples

    parsers = {"train.py": train_parser().parse_args, "samples.py": samples.parse_arguments}
    parsed = {name: 0 for name in parsers}
    for command in commands():
        for name, parse in parsers.items():
            if name in command:
                parse(command[command.index(name) + 1 :])
                parsed[name] += 1
    assert min(parsed.values()) > 1


def test_tree_is_whole():
    """Would catch a path of the annotated tree that is gone, or a file of the six's folder that the tree lacks."""
    paths = tree()
    assert [path for path in paths if not (ROOT / path).exists()] == []
    here = [*ROOT.glob("*.py"), *ROOT.glob("requirements*.txt"), *ROOT.glob("modern/[!_]*.py")]
    there = [path.relative_to(ROOT).as_posix() for path in here]
    there += [f"support/{path.parent.name}/" for path in ROOT.glob("support/*/__init__.py")]
    assert sorted(set(there) - set(paths)) == []


def test_pictures_and_links_are_there():
    """Would catch a picture or a file that the README links to and that is gone."""
    targets = re.findall(r"\]\(([^)#:]+)\)", readme())
    assert "pictures/shapes.png" in targets
    assert [target for target in targets if not (ROOT / target).exists()] == []


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    print(flag_table(train_parser()))
