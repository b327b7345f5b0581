"""From a generator's file to the web; docs/deploy.md says how."""

import pathlib

PAGE = pathlib.Path(__file__).resolve().parent / "page"
# What both pages have: the one without a server, and the one of deploy/app.py. Each adds a painter of its own.
PAGE_FILES = ["index.html", "style.css", "page.js", "latent.js", "noise.js"]
