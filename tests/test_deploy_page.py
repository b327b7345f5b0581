"""The page's own mathematics, run by Node.js: the noise of a seed, truncation, arcs, links; number by number."""

import json
import pathlib
import shutil
import subprocess

import numpy as np
import pytest

from support.drawing.noise import noise_batches, spherical_interpolation, truncate, walk_through_latent_space

PAGE = pathlib.Path(__file__).resolve().parent.parent / "deploy" / "page"
pytestmark = pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is not installed")


def in_node(expression, folder):
    """Compute an expression of noise.js and latent.js, and return what it gives."""
    script = folder / "question.mjs"
    imports = [f'import * as {name} from "{(PAGE / name).as_uri()}.js";' for name in ("noise", "latent")]
    plain = "(name, value) => value instanceof Float32Array ? [...value] : value"
    script.write_text("\n".join([*imports, f"process.stdout.write(JSON.stringify({expression}, {plain}));"]))
    done = subprocess.run(["node", script], capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


@pytest.mark.parametrize("seed", [0, 1, 4294967295, 98765432109876543210, 2**200 + 7])
def test_a_seed_gives_the_noise_of_samples(tmp_path, seed):
    """Would catch any step of SeedSequence, PCG64 or the ziggurat that differs: 30,000 numbers, in every bit.

    So many that the tail and the edges of the layers occur, each some dozen times.
    """
    noise = np.array(in_node(f'noise.noiseOfSeed("{seed}", 300, 100)', tmp_path), "float32")
    expected = next(noise_batches(seed, 300, 100, 300)).ravel()
    assert np.array_equal(noise, expected)
    assert (np.abs(expected) > 3.66).sum() >= 3  # the tail


@pytest.mark.parametrize("threshold", [3.0, 1.0, 0.2])
def test_truncation_is_that_of_samples(tmp_path, threshold):
    """Would catch a clipped, scaled or redrawn noise, or a coarse approximation of the normal distribution."""
    found = in_node(f"latent.truncate(noise.noiseOfSeed(5, 20, 100), {threshold})", tmp_path)
    expected = truncate(next(noise_batches(5, 20, 100, 20)), threshold).ravel()
    np.testing.assert_allclose(found, expected, atol=2e-7)


def test_an_arc_and_a_walk_are_those_of_samples(tmp_path):
    """Would catch a straight line, frames or pictures in another order, or a walk that does not close."""
    found = in_node("latent.onTheArc(noise.noiseOfSeed(1, 1, 50), noise.noiseOfSeed(2, 1, 50), 0.3)", tmp_path)
    start, end = (next(noise_batches(seed, 1, 50, 1)) for seed in (1, 2))
    np.testing.assert_allclose(found, spherical_interpolation(start, end, 0.3)[0], atol=1e-6)
    walk = "latent.walkOf({seed: 3, truncation: 0, kind: -1}, {noise_size: 20, class_names: ['a', 'b']}, 4)"
    frames = in_node(walk, tmp_path)
    expected = list(walk_through_latent_space(3, 4, 20))
    np.testing.assert_allclose([[one["noise"] for one in frame] for frame in frames], expected, atol=1e-6)
    assert [one["kind"] for one in frames[7]] == [0, 1, 0, 1]


def test_a_link_brings_the_view_back(tmp_path):
    """Would catch a value that the link loses, or reads as another one."""
    view = '{show: "variations", seed: 4294967295, count: 9, kind: 2, truncation: 1.5, '
    view += "picture: 8, other: 1, part: 0.25, turn: 7}"
    information = '{noise_size: 4, class_names: ["a", "b", "c"]}'
    link = f"latent.toLink({view}, {information})"
    assert in_node(f"latent.fromLink({link}, {information}, 1)", tmp_path) == {
        "show": "variations",
        "seed": 4294967295,
        "count": 9,
        "kind": 2,
        "truncation": 1.5,
        "picture": 8,
        "other": 1,
        "part": 0.25,
        "turn": 7,
    }


@pytest.mark.parametrize(
    "link",
    ["seed=-1", "seed=1e9", "seed=4294967296", "count=65", "count=0", "kind=3", "truncation=5", "truncation=NaN"]
    + ["show=everything", "picture=99", "part=1.5", "turn=x", "constructor=1", "%", "seed=&&&=="],
)
def test_a_wrong_link_changes_nothing(tmp_path, link):
    """Would catch a link that asks for 10,000 pictures, or that stops the page."""
    information = '{noise_size: 4, class_names: ["a", "b", "c"]}'
    found = in_node(f"latent.fromLink({json.dumps(link)}, {information}, 6)", tmp_path)
    assert found == in_node(f"latent.newView({information}, 6)", tmp_path)


def test_variations_begin_with_the_picture_itself(tmp_path):
    """Would catch variations of another picture or class, or some that are not near it."""
    view = "latent.fromLink('seed=1&show=variations&picture=4&turn=9&count=6', i, 0)"
    expression = f"((i) => latent.picturesOf({view}, i))({{noise_size: 100, class_names: ['a', 'b', 'c']}})"
    pictures = in_node(expression, tmp_path)
    own = next(noise_batches(1, 6, 100, 6))[4]
    assert len(pictures) == 6 and {one["kind"] for one in pictures} == {1}  # 4 is the second class of three
    assert np.array_equal(np.array(pictures[0]["noise"], "float32"), own)
    for one in pictures[1:]:
        other = np.array(one["noise"])
        assert 0.7 < other @ own / np.linalg.norm(other) / np.linalg.norm(own) < 0.95
