"""`python -m sandbox.stripe --port 12111 [--data DIR] [--validate]`."""

from __future__ import annotations

import argparse
from pathlib import Path

from sandbox.stripe.server import serve

parser = argparse.ArgumentParser(prog="python -m sandbox.stripe", description="Imitate Stripe on a loopback port.")
parser.add_argument("--port", type=int, required=True, help="port to listen on, on 127.0.0.1 only")
parser.add_argument("--data", type=Path, help="directory that keeps the state; without it nothing outlives the process")
parser.add_argument("--validate", action="store_true", help="check all traffic against the SDK's contract")
parser.add_argument("--requests-a-second", type=float, help="answer 429 beyond that, as Stripe does; default: never")

if __name__ == "__main__":
    arguments = parser.parse_args()
    serve(arguments.port, arguments.data, arguments.validate, arguments.requests_a_second)
