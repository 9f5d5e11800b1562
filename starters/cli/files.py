"""A JSON file that a person wrote, as one of our models; what is wrong in it is said field by field."""

import sys
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from starters.cli.mistakes import BadInputError, field_by_field

_Content = TypeVar("_Content", bound=BaseModel)

# Terms with a hundred meters of ten tiers are a tenth of it.
_LARGEST = 1_000_000


def read_model(file: Path, model: type[_Content]) -> _Content:
    """The file's content, or standard input's for `-`; raises BadInputError naming each field, its value and what to write."""
    text = sys.stdin.read(_LARGEST + 1) if str(file) == "-" else _text_of(file)
    if len(text) > _LARGEST:
        raise BadInputError(f"{file}: longer than {_LARGEST:,} characters, which is no such file")
    try:
        return model.model_validate_json(text)
    except ValidationError as error:
        if any(flaw["type"] == "json_invalid" for flaw in error.errors()):
            where = str(error.errors()[0]["ctx"]["error"])
            raise BadInputError(f"{file}: this is not JSON: {where}") from None
        raise field_by_field(error) from None


def _text_of(file: Path) -> str:
    try:
        with file.open(encoding="utf-8-sig") as opened:
            return opened.read(_LARGEST + 1)
    except UnicodeDecodeError:
        raise BadInputError(f"{file}: this is not text in UTF-8") from None
