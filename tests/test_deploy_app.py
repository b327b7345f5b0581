"""The server of deploy/app.py, and the same behind AWS Lambda's events: what it draws, and what it refuses."""

import base64
import io
import json
import pathlib
import socket

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("fastapi", reason="the server is not installed: deploy/requirements-serve.txt")
pytest.importorskip("mangum", reason="Lambda's packages are not installed: deploy/requirements-lambda.txt")
onnx = pytest.importorskip("onnx", reason="the tests make their models with it")
from fastapi.testclient import TestClient
from mangum import Mangum
from onnx import TensorProto, helper, numpy_helper

from deploy import app as deploy_app
from deploy import build_lambda, serve
from deploy.app import make_app
from deploy.drawing import ExportedGenerator
from support.drawing.noise import noise_batches

SIDE = 8


def save_toy(path, class_names=("a", "b", "c")):
    """Save a "generator" whose pictures can be computed by hand: all pixels are tanh(noise[0] / 4 + class / 10)."""
    nodes = [
        helper.make_node("Gather", ["noise", "zero"], ["first"], axis=1),  # (b, 1)
        helper.make_node("Div", ["first", "four"], ["smaller"]),
        helper.make_node("Cast", ["class_number"], ["kind"], to=TensorProto.FLOAT),
        helper.make_node("Div", ["kind", "ten"], ["of_class"]),
        helper.make_node("Add", ["smaller", "of_class"], ["sum"]),
        helper.make_node("Tanh", ["sum"], ["value"]),
        helper.make_node("Unsqueeze", ["value", "last"], ["point"]),  # (b, 1, 1, 1)
        helper.make_node("Expand", ["point", "shape"], ["pictures"]),
    ]
    constants = {
        "zero": np.array([0], "int64"),
        "four": np.array(4, "float32"),
        "ten": np.array(10, "float32"),
        "last": np.array([2, 3], "int64"),
        "shape": np.array([1, SIDE, SIDE, 3], "int64"),
    }
    graph = helper.make_graph(
        nodes,
        "toy",
        [
            helper.make_tensor_value_info("noise", TensorProto.FLOAT, ["b", 5]),
            helper.make_tensor_value_info("class_number", TensorProto.INT32, ["b", 1]),
        ],
        [helper.make_tensor_value_info("pictures", TensorProto.FLOAT, ["b", SIDE, SIDE, 3])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    about = {"source": "toy.h5", "noise_size": 5, "picture_shape": [SIDE, SIDE, 3], "class_names": list(class_names)}
    helper.set_model_props(model, {"gan": json.dumps(about)})
    onnx.save(model, path)
    return path


def expected_levels(seed, count, kinds):
    """Compute the grey level of each picture of the toy by hand."""
    noise = next(noise_batches(seed, count, 5, count))
    return np.rint((np.tanh(noise[:, 0] / 4 + np.asarray(kinds) / 10) + 1) * 127.5)


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    """The toy, opened."""
    return ExportedGenerator(save_toy(tmp_path_factory.mktemp("toy") / "toy.onnx"))


@pytest.fixture
def client(generator):
    """A client of the server; an error inside it becomes an answer, as on the network."""
    return TestClient(make_app(generator), raise_server_exceptions=False)


def levels(answer):
    """Read the grey level of each picture of a plain sheet, which is one row without gaps."""
    assert answer.status_code == 200, answer.text
    sheet = np.asarray(Image.open(io.BytesIO(answer.content)))
    return sheet[SIDE // 2, SIDE // 2 :: SIDE, 0]


def test_the_pictures_are_those_of_the_seed(client):
    """Would catch other noise, other classes, or pictures in another order."""
    found = levels(client.get("/image.png?seed=7&n=5&plain=true"))
    assert found.tolist() == expected_levels(7, 5, [0, 1, 2, 0, 1]).tolist()
    for third in ("2", "c"):  # by number and by name
        found = levels(client.get(f"/image.png?seed=7&n=5&class={third}&plain=true"))
        assert found.tolist() == expected_levels(7, 5, 2).tolist()


def test_a_sheet_has_a_column_for_each_class(client):
    """Would catch pictures without a frame, or of their tiny size: 3 columns of 64 + 2 pixels, 2 rows."""
    answer = client.get("/image.png?seed=7&n=6")
    assert Image.open(io.BytesIO(answer.content)).size == (3 * 66 + 2, 2 * 66 + 2)
    assert answer.headers["content-type"] == "image/png"


def test_a_blend_and_its_ends(client):
    """Would catch a blend that begins at the wrong picture: its part 0 is picture 3, its part 1 picture 1."""
    blend = "/image.png?seed=7&n=5&plain=true&class=0&show=blend&picture=3&other=1&part="
    ends = [levels(client.get(blend + part))[0] for part in ("0", "1")]
    assert ends == expected_levels(7, 5, 0)[[3, 1]].tolist()


def test_a_walk_is_an_animation(client):
    """Would catch frames that are missing, or a walk that does not begin with the pictures of the seed."""
    answer = client.get("/walk.gif?seed=7&n=3")
    with Image.open(io.BytesIO(answer.content)) as walk:
        assert walk.n_frames == 48 and walk.size == (3 * 66 + 2, 68)
        first = np.asarray(walk.convert("L"))[34, [34, 100, 166]]
    assert np.abs(first - expected_levels(7, 3, [0, 1, 2])).max() <= 1


def test_without_a_seed_every_request_gets_another_one(client):
    """Would catch a seed that is drawn once, at the start: AWS Lambda copies a started program."""
    answers = [client.get("/image.png?n=1") for _ in range(5)]
    assert len({answer.headers["x-seed"] for answer in answers}) == 5
    assert {answer.headers["cache-control"] for answer in answers} == {"no-store"}
    again = client.get(f"/image.png?n=1&seed={answers[0].headers['x-seed']}")
    assert again.content == answers[0].content and "immutable" in again.headers["cache-control"]


@pytest.mark.parametrize(
    "query",
    [
        "n=65",
        "n=0",
        "n=x",
        "seed=-1",
        "seed=4294967296",
        "class=3",
        "class=-1",
        "class=nobody",
        "class=" + "a" * 101,
        "truncation=nan",
    ]
    + ["truncation=-1", "truncation=1e99", "show=all", "unknown=1", "picture=16&show=variations", "part=2", "turn=x"]
    + ["other=5&n=5&show=blend", "seed=" + "9" * 5000, "seed=1&seed=2&n=", "plain=perhaps"],
)
@pytest.mark.parametrize("path", ["/image.png", "/walk.gif"])
def test_what_is_out_of_bounds_is_refused(client, path, query):
    """Would catch a parameter without bounds, and an unknown one that is taken in silence."""
    answer = client.get(f"{path}?{query}")
    assert answer.status_code == 422 and len(answer.content) < 6000
    assert "detail" in answer.json() and "Traceback" not in answer.text and "/deploy/" not in answer.text


def test_a_refusal_names_what_was_received(client):
    """Would catch an answer that does not say what was wrong, and one that sends a stranger's megabyte back."""
    details = [client.get(f"/image.png?{query}").json()["detail"] for query in ("n=65", "class=nobody", "foo=1")]
    assert details[0] == ["n: Input should be less than or equal to 64, received '65'"]
    assert details[1] == ["class: expected a name in generator.json, or 0 to 2, received 'nobody'"]
    assert details[2] == ["foo: there is no such parameter; /docs/openapi.json lists them, received '1'"]
    many = client.get("/image.png?" + "&".join(f"{'x' * 50}{number}=1" for number in range(500)))
    assert many.status_code == 422 and len(many.json()["detail"]) == 10 and len(many.content) < 2000


def test_the_next_request_is_unharmed(client, monkeypatch, generator):
    """Would catch a failure that keeps the turn for itself, or tells a stranger where the files lie."""

    def fail(*arguments):
        raise RuntimeError(f"secret {pathlib.Path(__file__)}")

    with monkeypatch.context() as patched:
        patched.setattr(deploy_app, "as_png", fail)
        answers = [client.get("/image.png?seed=1") for _ in range(3)]
    assert {answer.status_code for answer in answers} == {500}
    assert "secret" not in answers[0].text and "content-security-policy" in answers[0].headers
    assert client.get("/image.png?seed=1").status_code == 200


def test_a_crowd_is_sent_away(client, monkeypatch):
    """Would catch a queue without an end."""
    monkeypatch.setattr(deploy_app, "MOST_WAITING", 0)
    answer = client.get("/image.png?seed=1")
    assert answer.status_code == 503 and answer.headers["retry-after"] == "2"


def test_the_page_and_its_headers(client):
    """Would catch a page whose scripts the server does not have, or an answer without the security headers."""
    page = client.get("/")
    assert page.status_code == 200 and 'src="page.js"' in page.text
    for name in ("page.js", "latent.js", "noise.js", "painter.js", "style.css", "generator.json", "health"):
        answer = client.get(f"/{name}")
        assert answer.status_code == 200, name
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
    for path in ("/../app.py", "/page/../../app.py", "/%2e%2e/app.py", "/vendor/x", "/docs"):
        assert client.get(path).status_code == 404
    assert client.post("/image.png", content=b"x" * 1000).status_code == 405
    described = client.get("/docs/openapi.json").json()
    assert set(described["paths"]) == {"/image.png", "/walk.gif", "/generator.json", "/health"}


@pytest.mark.parametrize(
    ("name", "said"), [("none.onnx", "is not there"), ("folder", "is a folder"), ("g.h5", "is no gen")]
)
@pytest.mark.parametrize("start", [serve.main, lambda arguments: build_lambda.main([*arguments, "--out", "package"])])
def test_what_is_no_exported_generator_is_refused(tmp_path, monkeypatch, capsys, start, name, said):
    """Would catch a traceback, and a package for Lambda that fails only there."""
    (tmp_path / "folder").mkdir()
    (tmp_path / "g.h5").write_text("no model")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stopped:
        start([name])
    (line,) = capsys.readouterr().err.splitlines()
    assert stopped.value.code == 2 and f"{name} {said}" in line and "export.py" in line
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder", "g.h5"]


def test_a_port_that_is_taken_is_named(tmp_path, capsys):
    """Would catch an address that is printed although nobody listens there, and a traceback."""
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(SystemExit) as stopped:
        serve.main([str(save_toy(tmp_path / "toy.onnx")), "--port", str(taken.getsockname()[1])])
    written = capsys.readouterr()
    assert stopped.value.code == 2 and "name another --port" in written.err and not written.out


# ---- AWS Lambda ----


def event(path, query="", method="GET", body=None):
    """Make an event as a Lambda function URL sends it (payload format 2.0)."""
    address = "generator.lambda-url.eu-west-1.on.aws"
    return {
        "version": "2.0",
        "routeKey": "$default",
        "rawPath": path,
        "rawQueryString": query,
        "headers": {"host": address, "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "https"},
        "requestContext": {
            "accountId": "anonymous",
            "apiId": "generator",
            "domainName": address,
            "http": {"method": method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "203.0.113.7"},
            "requestId": "1",
            "routeKey": "$default",
            "stage": "$default",
            "timeEpoch": 1,
        },
        "body": body,
        "isBase64Encoded": False,
    }


def test_lambda_answers_with_a_picture(generator):
    """Would catch a PNG that is sent as text: Lambda takes bytes in base64 alone."""
    answer = Mangum(make_app(generator), lifespan="off")(event("/image.png", "seed=7&n=5&plain=true"), {})
    assert answer["statusCode"] == 200 and answer["isBase64Encoded"] is True
    sheet = np.asarray(Image.open(io.BytesIO(base64.b64decode(answer["body"]))))
    assert sheet[4, 4::8, 0].tolist() == expected_levels(7, 5, [0, 1, 2, 0, 1]).tolist()


def test_lambda_refuses_as_the_server_does(generator):
    """Would catch an event that ends in an error of the function, which its caller would pay for."""
    handler = Mangum(make_app(generator), lifespan="off")
    assert handler(event("/image.png", "n=99"), {})["statusCode"] == 422
    assert handler(event("/nowhere"), {})["statusCode"] == 404
    assert handler(event("/image.png", method="POST", body="x" * 100), {})["statusCode"] == 405
    assert handler(event("/health"), {})["body"] == '{"status":"ok"}'
