"""`requirements-production.lock`: what a production image installs, cut out of `requirements.lock` with its hashes.

`python -m tests.architecture.production_lock` writes it anew after the lock or the dependencies changed.
"""

import re
import tomllib
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

HERE = Path(__file__).parents[2]
WHOLE, PRODUCTION = HERE / "requirements.lock", HERE / "requirements-production.lock"
HEADER = "# Cut out of requirements.lock by `python -m tests.architecture.production_lock`; do not edit.\n"
# Builds the package inside the image.
BUILD = "setuptools"


def written_anew() -> str:
    """The blocks of the whole lock that the runtime dependencies need, directly or through others."""
    blocks = {
        canonicalize_name(block.split("==")[0]): block
        for block in re.split(r"\n(?=[a-zA-Z0-9])", WHOLE.read_text())
        if "==" in block.split("\n")[0]
    }
    return HEADER + "\n".join(blocks[name].rstrip() for name in sorted(needed() & blocks.keys())) + "\n"


def needed() -> set[str]:
    """Names of every distribution that running in production takes."""
    project = tomllib.loads((HERE / "pyproject.toml").read_text())["project"]
    waiting, found = [*map(Requirement, project["dependencies"]), Requirement(BUILD)], dict[str, set[str]]()
    while waiting:
        requirement = waiting.pop()
        name, extras = canonicalize_name(requirement.name), set(requirement.extras)
        if name in found and extras <= found[name]:
            continue
        found[name] = found.get(name, set()) | extras
        waiting += _asks_for(name, found[name])
    return set(found)


def _asks_for(name: str, extras: set[str]) -> list[Requirement]:
    asked = [Requirement(line) for line in distribution(name).requires or []]
    environments = [{"extra": extra} for extra in ("", *extras)]
    return [one for one in asked if one.marker is None or any(one.marker.evaluate(env) for env in environments)]


if __name__ == "__main__":
    PRODUCTION.write_text(written_anew())
