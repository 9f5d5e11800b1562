"""How a text must be spelled, with the words that tell whoever sent another one what to write.

A regular expression alone would be shown to people as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, core_schema


@dataclass(frozen=True)
class Spelled:
    """Metadata of an `Annotated[str, ...]`: the whole text matches `pattern`, or is refused with `words`."""

    pattern: str
    words: str

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(self._checked, handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return {**handler(schema), "pattern": f"^{self.pattern}$"}

    def _checked(self, text: str) -> str:
        if re.fullmatch(self.pattern, text) is None:
            raise ValueError(self.words)
        return text


# Postgres keeps every character but this one: a case that was told it could not be written down.
KEPT = Spelled(r"[^\x00]*", "leave out the character U+0000, which cannot be kept")
