"""AWS Lambda's entry: the application of deploy/app.py behind Mangum, which translates Lambda's events.

docs/deploy.md says how the package is built and deployed. The generator lies in the package as generator.onnx.
"""

import pathlib

from mangum import Mangum

from deploy.app import make_app
from deploy.drawing import ExportedGenerator

# Opened while Lambda starts the program, not in the first request: a start may use more of the processor.
GENERATOR = ExportedGenerator(pathlib.Path(__file__).resolve().parent / "generator.onnx")
handler = Mangum(make_app(GENERATOR), lifespan="off")
