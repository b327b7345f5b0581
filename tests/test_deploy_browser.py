"""Both pages in a real browser: what they show is what samples.py draws, and they ask no other server for anything.

Needs Chromium and playwright: `apt install chromium` and `pip install playwright`. Screenshots go where the environment
variable SCREENSHOTS says.
"""

import functools
import http.server
import os
import pathlib
import shutil
import threading
import time
from urllib.parse import parse_qs, urlsplit

import keras
import numpy as np
import pytest
from PIL import Image

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytest.importorskip("tf2onnx", reason="the export is not installed: deploy/requirements-export.txt")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None:
    pytest.skip("Chromium is not installed", allow_module_level=True)
if keras.backend.backend() != "tensorflow":
    pytest.skip("Keras exports ONNX on TensorFlow", allow_module_level=True)

import uvicorn

import gene_keras
import samples
from benchmarks.free_port import free_port
from deploy import export
from deploy.app import make_app
from deploy.drawing import ExportedGenerator
from support.drawing.noise import noise_batches, truncate
from support.models.opening import open_generator
from support.run.folder import save_generator

CLASSES = ["cat", "dog", "owl"]
# For each canvas of the grid its size and its pixels.
READ = """() => [...document.querySelectorAll("#pictures canvas")].map((canvas) => [
    canvas.height, canvas.width,
    [...canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data],
])"""


@pytest.fixture(scope="module")
def generator_file(tmp_path_factory):
    """A small generator with three classes, as train.py saves it, and its page beside it."""
    folder = tmp_path_factory.mktemp("browser")
    keras.utils.set_random_seed(0)
    generator = gene_keras.smooth_generator(16, 24, noise_size=10, class_count=3, filters=8)
    random = np.random.default_rng(0)
    for variable in generator.trainable_variables:  # untrained, it draws almost one grey
        variable.assign(variable + random.normal(0, 0.15, variable.shape))
    path = folder / "generator_e003.h5"
    about = {"preset": "shapes", "epoch": 3, "noise_size": 10, "class_names": CLASSES, "seed": 0}
    save_generator(generator, path, about)
    export.main([str(path), "--page", str(folder / "page")])
    return path


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static server that says nothing."""

    def log_message(self, *arguments):
        """Say nothing."""


@pytest.fixture(scope="module", params=["static", "server"])
def address(request, generator_file):
    """The address of the page without a server of ours, then of the page that draws through the server."""
    if request.param == "static":
        handler = functools.partial(Quiet, directory=str(generator_file.parent / "page"))
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        return
    app = make_app(ExportedGenerator(generator_file.with_suffix(".onnx")))
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=port, log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.05)
    yield f"http://127.0.0.1:{port}/"
    server.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser():
    """Chromium without a window."""
    with playwright.sync_playwright() as started:
        opened = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def page(browser, address):
    """An open page; at the end it must have asked its own server alone, without an error on the console."""
    context = browser.new_context(viewport={"width": 1200, "height": 900}, accept_downloads=True)
    opened, asked, wrong = context.new_page(), [], []
    opened.on("request", lambda request: asked.append(request.url))
    opened.on("console", lambda message: wrong.append(message.text) if message.type in ("error", "warning") else None)
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    yield opened
    context.close()
    others = [url for url in asked if not url.startswith((address, "blob:"))]
    assert asked and not others and not wrong


def shown(page, **parts):
    """Wait until a view with these parts is on the screen; return its pictures, uint8 `(n, height, width, 3)`."""
    wanted = "".join(f'[data-drawn*="{name}={value}"]' for name, value in parts.items())
    page.wait_for_selector(f"html[data-drawn]{wanted}", state="attached", timeout=30_000)
    arrays = [np.array(data, "uint8").reshape(height, width, 4) for height, width, data in page.evaluate(READ)]
    return np.stack(arrays)[..., :3]


def by_samples(path, noise, kinds):
    """Draw with the functions of samples.py."""
    return samples.draw(open_generator(path), noise, np.asarray(kinds), len(noise))


def assert_same(found, expected):
    """Pictures may differ by rounding: by at most 1 of 255 on average, as two kinds of arithmetic do."""
    assert found.shape == expected.shape
    difference = np.abs(found.astype(int) - expected)
    assert difference.mean() <= 0.1 and difference.max() <= 2
    assert expected.std() > 10  # the pictures show something: otherwise any would pass


def part_of(url, name):
    """Read a part of the link."""
    return parse_qs(urlsplit(url).fragment)[name][0]


def test_the_pictures_are_those_of_samples(page, address, generator_file):
    """Would catch other noise, exchanged channels or classes, and a button or menu that does nothing."""
    page.goto(f"{address}#seed=5")
    found = shown(page, seed=5)
    count = len(found)
    noise = next(noise_batches(5, count, 10, count))
    assert_same(found, by_samples(generator_file, noise, np.arange(count) % 3))

    page.select_option("#kind", label="owl")
    found = shown(page, seed=5, kind=2)
    assert_same(found, by_samples(generator_file, noise, np.full(count, 2)))

    page.locator("#truncation").fill("0.5")
    found = shown(page, truncation=0.5)
    assert_same(found, by_samples(generator_file, truncate(noise, 0.5), np.full(count, 2)))

    page.click("#new")
    page.wait_for_selector('html:not([data-drawn*="seed=5&"])', state="attached")
    seed = int(part_of(page.url, "seed"))
    found = shown(page, seed=seed, kind=2)
    noise = truncate(next(noise_batches(seed, count, 10, count)), 0.5)
    assert_same(found, by_samples(generator_file, noise, np.full(count, 2)))


def test_a_link_shows_exactly_what_was_shown(page, address):
    """Would catch a part of the view that the link loses: variations, then a blend."""
    page.goto(f"{address}#seed=8&count=9")
    shown(page, seed=8)
    page.click("#pictures button:nth-child(5)")
    variations, link = shown(page, show="variations", picture=4), page.url
    page.reload()
    assert np.array_equal(shown(page, show="variations", picture=4), variations) and page.url == link

    page.click("#back")
    page.wait_for_selector('html:not([data-drawn*="show="])', state="attached")
    page.click("#blend")
    page.click("#pictures button:nth-child(1)")
    page.click("#pictures button:nth-child(4)")
    shown(page, show="blend", other=3)
    page.locator("#part").fill("0.25")
    blend, link = shown(page, show="blend", part=0.25), page.url
    page.reload()
    assert np.array_equal(shown(page, show="blend", part=0.25), blend) and page.url == link


def test_a_choice_ends_when_the_pictures_change(page, address):
    """Would catch a blend between pictures of which one is gone: 9 pictures, the eighth chosen, then only 4."""
    page.goto(f"{address}#seed=8&count=9")
    shown(page, seed=8)
    page.click("#blend")
    page.click("#pictures button:nth-child(8)")
    page.locator("#count").select_option(index=0)
    page.wait_for_selector('html:not([data-drawn*="count=9"])', state="attached")
    page.click("#pictures button:nth-child(2)")
    shown(page, show="variations", picture=1)
    assert page.locator("#gif").is_hidden()  # a walk is one of the grid


def test_the_keyboard_does_it_all(page, address):
    """Would catch pictures that only a mouse reaches, and a blend that Escape does not leave."""
    page.goto(f"{address}#seed=8&count=9")
    shown(page, seed=8)
    page.locator("#pictures button").first.focus()
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowDown")
    index = page.evaluate("() => Number(document.activeElement.dataset.index)")
    columns = page.evaluate(
        "() => Number(getComputedStyle(document.getElementById('pictures')).getPropertyValue('--columns'))"
    )
    assert index == 1 + columns
    page.keyboard.press("Enter")
    shown(page, show="variations", picture=index)
    page.keyboard.press("Escape")
    page.wait_for_selector('html:not([data-drawn*="show="])', state="attached")


def test_what_is_saved(page, address, tmp_path):
    """Would catch an empty PNG, or a walk with other frames than samples.py's 48."""
    page.goto(f"{address}#seed=8&count=3")
    shown(page, seed=8)
    with page.expect_download() as download:
        page.click("#png")
    download.value.save_as(tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.size == (3 * (24 * 4 + 2) + 2, 16 * 4 + 4)
        assert len(np.unique(np.asarray(sheet.convert("RGB")).reshape(-1, 3), axis=0)) > 50
    with page.expect_download(timeout=60_000) as download:
        page.click("#gif")
    download.value.save_as(tmp_path / "walk.gif")
    with Image.open(tmp_path / "walk.gif") as walk:
        assert walk.n_frames == 48


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("width", "height"), [(1200, 900), (390, 844)])
def test_it_fits_the_screen(browser, address, scheme, width, height):
    """Would catch a page that must be scrolled sideways on a phone, and text in the colour of its ground."""
    page = browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme)
    page.goto(f"{address}#seed=8")
    shown(page, seed=8)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= width
    colours = page.evaluate("() => { const s = getComputedStyle(document.body); return [s.color, s.backgroundColor]; }")
    text, ground = (np.array([int(value) for value in colour[4:-1].split(",")]) for colour in colours)
    assert abs(text.mean() - ground.mean()) > 150 and (ground.mean() < 128) == (scheme == "dark")
    if "SCREENSHOTS" in os.environ:
        page.screenshot(path=pathlib.Path(os.environ["SCREENSHOTS"]) / f"{width}_{scheme}.png", full_page=True)
    page.close()
