"""A web server's application (ASGI) that draws with an exported generator: a page, pictures, walks.

    GET /                    the page of deploy/page, which draws through this server
    GET /image.png           a sheet of pictures: ?seed=3&n=16&class=cat&truncation=1.5, and more: see openapi.json
    GET /walk.gif            an animation, the one of samples.py --out walk.gif
    GET /generator.json      what is known of the generator
    GET /health              {"status": "ok"}
    GET /docs/openapi.json   the description of all this

Answers depend on the address alone, but for a request without a seed: it gets a random one, drawn for that request. It
must not be drawn at the start: AWS Lambda restores the memory of a started program, and every copy would draw the same.

The server trusts nobody. Every parameter has bounds, unknown ones are refused with 422, and a body is not read. Only
`MOST_AT_ONCE` requests draw at a time and `MOST_WAITING` wait, each for `LONGEST_WAIT` seconds; further ones get 503.
"""

import asyncio
import contextlib
import logging
import secrets
import typing

import pydantic
from fastapi import FastAPI, Query, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import FileResponse, JSONResponse, Response

from deploy import PAGE, PAGE_FILES
from deploy.drawing import View, as_gif, as_png

LARGEST_SEED = 2**32 - 1
MOST_PICTURES, MOST_WALKERS, LONGEST_NAME, MOST_COMPLAINTS = 64, 16, 100, 10
MOST_AT_ONCE, MOST_WAITING, LONGEST_WAIT = 1, 64, 20.0
SECURITY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}
logger = logging.getLogger("deploy")


class AskedWalk(pydantic.BaseModel, extra="forbid"):
    """The parameters of a walk, with their bounds."""

    seed: int | None = pydantic.Field(None, ge=0, le=LARGEST_SEED, description="without it, a random one")
    n: int = pydantic.Field(4, ge=1, le=MOST_WALKERS, description="how many pictures move")
    class_name: str | None = pydantic.Field(
        None, alias="class", max_length=LONGEST_NAME, description="by name or number; without it all in turns"
    )
    truncation: float = pydantic.Field(0.0, ge=0.0, le=4.0, allow_inf_nan=False, description="no noise beyond; 0: off")


class Asked(AskedWalk):
    """The parameters of a picture, with their bounds; see `deploy.drawing.View`."""

    n: int = pydantic.Field(16, ge=1, le=MOST_PICTURES, description="how many pictures")
    show: typing.Literal["grid", "variations", "blend"] = "grid"
    picture: int = pydantic.Field(0, ge=0, lt=MOST_PICTURES, description="which one is varied or blended")
    other: int = pydantic.Field(1, ge=0, lt=MOST_PICTURES, description="the one it is blended with")
    part: float = pydantic.Field(0.5, ge=0.0, le=1.0, allow_inf_nan=False, description="of the way to the other one")
    turn: int = pydantic.Field(0, ge=0, le=LARGEST_SEED, description="the seed of the variations")
    plain: bool = pydantic.Field(False, description="one row, without gaps, each picture in its own size")


class Refusal(pydantic.BaseModel):
    """The answer to parameters that are refused."""

    detail: list[str]


class Busy(pydantic.BaseModel):
    """The answer when too many requests wait."""

    detail: str


class TooMuch(Exception):
    """More requests wait than the server takes."""


class Queue:
    """Lets few requests draw at a time; those that come when too many wait are refused."""

    def __init__(self):
        self.free = asyncio.Semaphore(MOST_AT_ONCE)
        self.waiting = 0

    @contextlib.asynccontextmanager
    async def turn(self):
        """Wait for a turn; raise `TooMuch` if too many wait, or the wait is too long."""
        if self.waiting >= MOST_WAITING:
            raise TooMuch
        self.waiting += 1
        try:
            await asyncio.wait_for(self.free.acquire(), LONGEST_WAIT)
        except TimeoutError:
            raise TooMuch from None
        finally:
            self.waiting -= 1
        try:
            yield
        finally:
            self.free.release()


def view_of(asked, generator):
    """Make a `View` of checked parameters. Returns the view and whether its seed was drawn by chance.

    Raises:
        RequestValidationError: If there is no such class, or no such picture among `count`.
    """
    values = asked.model_dump(exclude={"plain", "n", "class_name"})
    by_chance = values["seed"] is None
    if by_chance:
        values["seed"] = secrets.randbelow(LARGEST_SEED + 1)
    show = values.get("show", "grid")
    for name in {"grid": [], "variations": ["picture"], "blend": ["picture", "other"]}[show]:
        if values[name] >= asked.n:
            raise refused(name, f"at most n - 1, which is {asked.n - 1}", values[name])
    return View(count=asked.n, kind=number_of(asked.class_name, generator.class_names), **values), by_chance


def number_of(class_name, class_names):
    """Return the number of a class that is given by name or number, and -1 for None.

    Raises:
        RequestValidationError: If there is no such class.
    """
    if class_name is None:
        return -1
    if class_name in class_names:
        return class_names.index(class_name)
    if class_name.isascii() and class_name.isdecimal() and int(class_name) < len(class_names):
        return int(class_name)
    known = f"a name in generator.json, or 0 to {len(class_names) - 1}" if class_names else "nothing: there are none"
    raise refused("class", f"expected {known}", class_name)


def refused(name, message, received):
    """Make the error for a parameter that the bounds of `Asked` do not catch."""
    return RequestValidationError([{"loc": ("query", name), "msg": message, "input": received}])


def in_one_line(found):
    """Say what is wrong with a parameter, and what was received, cut to a few letters."""
    name, message = str(found["loc"][-1])[:40], found["msg"]
    if found.get("type") == "extra_forbidden":
        message = "there is no such parameter; /docs/openapi.json lists them"
    return f"{name}: {message}, received {str(found.get('input'))[:40]!r}"


def headers(by_chance):
    """Say how long an answer may be kept: for ever, if it depends on the address alone."""
    return {"Cache-Control": "no-store" if by_chance else "public, max-age=31536000, immutable"}


def make_app(generator):
    """Make the application.

    Args:
        generator: A `deploy.drawing.ExportedGenerator`.

    Returns:
        A `fastapi.FastAPI`, which is an ASGI application.
    """
    app = FastAPI(
        title="Pictures from noise",
        version="1",
        openapi_url="/docs/openapi.json",
        docs_url=None,  # its page would load scripts from another server
        redoc_url=None,
    )
    queue = Queue()

    @app.middleware("http")
    async def guard(request: Request, call_next):
        try:
            response = await call_next(request)
        except Exception:
            logger.exception("a request failed")  # in the server's log alone
            response = JSONResponse({"detail": "the server made a mistake; it is in its log"}, 500)
        response.headers.update(SECURITY)
        return response

    @app.exception_handler(RequestValidationError)
    async def refuse(request, error):
        return JSONResponse({"detail": [in_one_line(found) for found in error.errors()[:MOST_COMPLAINTS]]}, 422)

    @app.exception_handler(TooMuch)
    async def busy(request, error):
        return JSONResponse({"detail": "too many requests at once; try again"}, 503, {"Retry-After": "2"})

    async def drawn(function, *arguments):
        async with queue.turn():
            return await asyncio.to_thread(function, generator, *arguments)

    def answers(media_type):
        picture = {"content": {media_type: {"schema": {"type": "string", "format": "binary"}}}}
        return {200: picture, 422: {"model": Refusal}, 503: {"model": Busy}}

    @app.get("/image.png", response_class=Response, responses=answers("image/png"))
    async def image(asked: typing.Annotated[Asked, Query()]):
        view, by_chance = view_of(asked, generator)
        data = await drawn(as_png, view, asked.plain)
        return Response(data, media_type="image/png", headers=headers(by_chance) | {"X-Seed": str(view.seed)})

    @app.get("/walk.gif", response_class=Response, responses=answers("image/gif"))
    async def walk(asked: typing.Annotated[AskedWalk, Query()]):
        view, by_chance = view_of(asked, generator)
        data = await drawn(as_gif, view)
        return Response(data, media_type="image/gif", headers=headers(by_chance) | {"X-Seed": str(view.seed)})

    @app.get("/generator.json")
    async def information():
        return generator.information

    @app.get("/health")
    async def health():
        return {"status": "ok"}

    @app.get("/icon.png", response_class=Response, include_in_schema=False)
    async def icon():
        data = await drawn(as_png, View(count=1), True)
        return Response(data, media_type="image/png", headers=headers(by_chance=False))

    files = {name: name for name in PAGE_FILES} | {"": "index.html", "painter.js": "painter_server.js"}
    for name, file in files.items():
        app.get(f"/{name}", response_class=FileResponse, include_in_schema=False)(file_answer(PAGE / file))
    return app


def file_answer(path):
    """Make a handler that answers with a file."""

    async def answer():
        return FileResponse(path)

    return answer
