"""`python -m sonde.sandbox FOLDER [WEBHOOK_URL]`: an offline GitHub until SIGINT or SIGTERM."""

import signal
import sys
import threading
from pathlib import Path

from sonde.sandbox.server import Sandbox


def main(arguments: list[str]) -> int:
    if len(arguments) not in (1, 2):
        print(__doc__, file=sys.stderr)
        return 2
    stopped = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stopped.set())
    folder = Path(arguments[0])
    folder.mkdir(parents=True, exist_ok=True)
    with Sandbox.start(folder) as github:
        if len(arguments) == 2:
            github.world.set_webhook(arguments[1])
        for name in ("api_url", "issuer_url", "ca_file", "app_id", "app_key_file", "webhook_secret"):
            print(f"{name:15} {getattr(github, name)}")
        stopped.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
