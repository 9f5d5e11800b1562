"""All objects of the simulated account in memory, and on disk before any answer tells of them.

Stored objects are never changed in place: a change is a new mapping put under the same id. That is what makes undoing a
refused request, and keeping what an event saw, free of copying.
"""

from __future__ import annotations

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

Obj = dict[str, Any]

INDEXED = ("customer", "invoice", "charge", "payment_intent", "source", "event", "state")


class Store:
    """Objects by kind (their `object` word) and id, in the order in which they were made.

    `file` is a SQLite database that survives SIGKILL of this process at any moment; None keeps everything in memory.
    Kinds that begin with an underscore are the simulator's own and never shown as Stripe's.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._kinds: dict[str, dict[str, Obj]] = defaultdict(dict)
        self._index: dict[tuple[str, str, str], dict[str, None]] = defaultdict(dict)
        self._before: dict[tuple[str, str], Obj | None] = {}
        self._disk = None if file is None else self._opened(file)

    def get(self, kind: str, identifier: str) -> Obj | None:
        """The object, or None."""
        return self._kinds[kind].get(identifier)

    def anywhere(self, identifier: str) -> Obj | None:
        """The object with this id, whatever its kind."""
        found = (objects.get(identifier) for kind, objects in self._kinds.items() if not kind.startswith("_"))
        return next((item for item in found if item is not None), None)

    def all(self, kind: str) -> list[Obj]:
        """Every object of a kind, oldest first."""
        return list(self._kinds[kind].values())

    def related(self, kind: str, field: str, value: str) -> list[Obj]:
        """Objects of a kind whose `field` (one of `INDEXED`) has this value, oldest first."""
        return [self._kinds[kind][identifier] for identifier in self._index.get((kind, field, value), ())]

    def kinds(self) -> list[str]:
        """The kinds of which there is at least one object."""
        return [kind for kind, objects in self._kinds.items() if objects]

    def put(self, item: Obj) -> Obj:
        """Keep an object under its kind and id."""
        kind, identifier = item["object"], item["id"]
        self._before.setdefault((kind, identifier), self._kinds[kind].get(identifier))
        self._set(kind, identifier, item)
        return item

    def delete(self, kind: str, identifier: str) -> None:
        """Forget an object."""
        self._before.setdefault((kind, identifier), self._kinds[kind].get(identifier))
        self._set(kind, identifier, None)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All changes inside are kept together, on disk when the block ends; an exception undoes them."""
        try:
            yield
            self._write()
        except BaseException:
            if self._disk is not None and self._disk.in_transaction:
                self._disk.execute("rollback")
            for (kind, identifier), item in reversed(self._before.items()):
                self._set(kind, identifier, item)
            self._before.clear()
            raise
        self._before.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._kinds.clear()
        self._index.clear()
        if self._disk is not None:
            self._disk.execute("delete from objects")

    def close(self) -> None:
        """Let go of the file."""
        if self._disk is not None:
            self._disk.close()

    def _set(self, kind: str, identifier: str, item: Obj | None) -> None:
        before = self._kinds[kind].get(identifier)
        for field in INDEXED:
            was, is_now = (None if state is None else state.get(field) for state in (before, item))
            if was != is_now:
                if isinstance(was, str):
                    self._index[kind, field, was].pop(identifier, None)
                if isinstance(is_now, str):
                    self._index[kind, field, is_now][identifier] = None
        if item is None:
            self._kinds[kind].pop(identifier, None)
        else:
            self._kinds[kind][identifier] = item

    def _write(self) -> None:
        if self._disk is None or not self._before:
            return
        self._disk.execute("begin")
        for kind, identifier in self._before:
            item = self._kinds[kind].get(identifier)
            if item is None:
                self._disk.execute("delete from objects where kind = ? and id = ?", (kind, identifier))
            else:
                self._disk.execute(
                    "insert into objects (kind, id, body) values (?, ?, ?)"
                    " on conflict (kind, id) do update set body = excluded.body",
                    (kind, identifier, json.dumps(item)),
                )
        self._disk.execute("commit")

    def _opened(self, file: Path) -> sqlite3.Connection:
        file.parent.mkdir(parents=True, exist_ok=True)
        disk = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        disk.execute("pragma journal_mode = wal")
        disk.execute("pragma synchronous = normal")  # safe against the death of this process, which is what is promised
        disk.execute(
            "create table if not exists objects"
            " (seq integer primary key, kind text not null, id text not null, body text not null, unique (kind, id))"
        )
        for kind, identifier, body in disk.execute("select kind, id, body from objects order by seq"):
            self._set(kind, identifier, json.loads(body))
        return disk
