"""The floor of a decision: an `async def` that says hello, on the same server code.

python -m tests.benchmarks.hello 8500
"""

import sys

from fastapi import FastAPI

from common.web.server import Group, keep_for_good

app = FastAPI()


@app.get("/hello")
async def hello() -> dict[str, str]:
    """As little as FastAPI can do."""
    return {"hello": "world"}


if __name__ == "__main__":
    served = [(app, "127.0.0.1", int(sys.argv[1]))]
    Group(served, [], graceful_seconds=1, when_ready=keep_for_good).run()
