"""`python -m bench.hello`: the floor of every HTTP figure, an application that reads a body and says one word.

It stands on the same uvicorn, with the same settings, as `sonde serve`. It prints its port.
"""

import socket
from typing import Any

import uvicorn

ANSWER = (
    {
        "type": "http.response.start",
        "status": 202,
        "headers": [(b"content-length", b"5"), (b"content-type", b"text/plain")],
    },
    {"type": "http.response.body", "body": b"hello"},
)


async def hello(scope: Any, receive: Any, send: Any) -> None:
    """Read the whole body, then answer."""
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    for message in ANSWER:
        await send(message)


def main() -> None:
    """Serve on any free port of this machine until SIGTERM."""
    listening = socket.create_server(("127.0.0.1", 0), backlog=1024)
    print(listening.getsockname()[1], flush=True)
    config = uvicorn.Config(hello, log_config=None, access_log=False, server_header=False, lifespan="off")
    uvicorn.Server(config).run(sockets=[listening])


if __name__ == "__main__":
    main()
