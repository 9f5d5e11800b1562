"""The SDK's annotations as closed JSON Schemas: every object lists its fields, and a field it does not list is wrong."""

from __future__ import annotations

import ast
from typing import Any

from sandbox.stripe.contract.source import Definition

Schema = dict[str, Any]

SCALARS: dict[str, Schema] = {
    "int": {"type": "integer"},
    "bool": {"type": "boolean"},
    "float": {"type": "number"},
    "str": {"type": "string"},
    "Decimal": {"type": "string", "pattern": r"^-?[0-9]+(\.[0-9]+)?$"},
    "Any": {},
    "None": {"type": "null"},
}
PAGES = {"ListObject": "list", "SearchResultObject": "search_result"}


class Schemas:
    """Collects the schema of each class once, under `definitions`, so that classes may refer to each other.

    Classes of the SDK in `modelled` (and everything nested in them) are described field by field. Any other resource is
    one the simulator never answers with, so expandable references to it must stay ids.
    """

    def __init__(self, modelled: frozenset[str]) -> None:
        self.definitions: dict[str, Schema] = {}
        self._modelled = modelled

    def of_class(self, definition: Definition) -> Schema:
        """A reference to the schema of a class, which is derived on first use."""
        name = definition.name
        if name not in self.definitions:
            self.definitions[name] = {}  # claimed before the fields are read: classes refer to themselves
            self.definitions[name] = self._fields(definition)
        return {"$ref": f"#/$defs/{name}"}

    def of_annotation(self, node: ast.expr, scope: Definition) -> Schema:
        """The schema of an annotation as it is written inside `scope`."""
        match node:
            case ast.Constant(value=None):
                return SCALARS["None"]
            case ast.Constant(value=str(quoted)):
                return self.of_annotation(ast.parse(quoted, mode="eval").body, scope)
            case ast.BinOp(op=ast.BitOr()):
                return self._union(_alternatives(node), scope)
            case ast.Subscript(value=ast.Name(id=generic), slice=arguments):
                return self._generic(generic, arguments, scope)
            case ast.Name(id=name):
                return SCALARS[name] if name in SCALARS else self._named(name, scope)
        raise NotImplementedError(f"annotation {ast.unparse(node)!r} in {scope.name}")

    def _generic(self, generic: str, arguments: ast.expr, scope: Definition) -> Schema:
        parts = arguments.elts if isinstance(arguments, ast.Tuple) else [arguments]
        match generic:
            case "Optional":
                return {"anyOf": [*_flat(self.of_annotation(arguments, scope)), SCALARS["None"]]}
            case "Union":
                return self._union(parts, scope)
            case "Literal":
                return {"enum": [ast.literal_eval(part) for part in parts]}
            case "List":
                return {"type": "array", "items": self.of_annotation(arguments, scope)}
            case "Dict" | "UntypedStripeObject":
                return {"type": "object", "additionalProperties": self.of_annotation(parts[-1], scope)}
            case "NotRequired" | "Required":
                return self.of_annotation(arguments, scope)
            case "ExpandableField":
                return {"anyOf": [SCALARS["str"], *_flat(self.of_annotation(arguments, scope))]}
            case "ListObject" | "SearchResultObject":
                return self._page(generic, self.of_annotation(arguments, scope))
        raise NotImplementedError(f"generic {generic!r} in {scope.name}")

    def _page(self, generic: str, items: Schema) -> Schema:
        properties: Schema = {
            "object": {"enum": [PAGES[generic]]},
            "data": {"type": "array", "items": items},
            "has_more": SCALARS["bool"],
            "url": SCALARS["str"],
            "total_count": SCALARS["int"],
        }
        required = ["object", "data", "has_more", "url"]
        if generic == "SearchResultObject":
            properties["next_page"] = {"anyOf": [SCALARS["str"], SCALARS["None"]]}
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}

    def _union(self, parts: list[ast.expr], scope: Definition) -> Schema:
        words = [part for part in parts if _is_literal(part)]
        if any(value for part in words for value in self.of_annotation(part, scope)["enum"]):
            # The SDK adds `| str` to stay open for words of later versions; an imitation of this version stays closed.
            parts = [part for part in parts if ast.unparse(part) != "str"]
        alternatives = [schema for part in parts for schema in _flat(self.of_annotation(part, scope))]
        return alternatives[0] if len(alternatives) == 1 else {"anyOf": alternatives}

    def _named(self, name: str, scope: Definition) -> Schema:
        definition = scope.lookup(name)
        if definition is None:
            raise LookupError(f"{scope.name} mentions {name!r}, which the SDK's source does not explain")
        if _is_resource(definition) and definition.name not in self._modelled:
            return {"type": "object", "$comment": f"{name} is not imitated", "maxProperties": 0}
        return self.of_class(definition)

    def _fields(self, definition: Definition) -> Schema:
        is_request = any(base in ("RequestOptions", "TypedDict") for base in definition.bases())
        properties: dict[str, Schema] = {}
        required: list[str] = []
        for name, annotation in definition.fields():
            text = ast.unparse(annotation)
            properties[name] = self.of_annotation(annotation, definition)
            if not text.startswith("NotRequired" if is_request else "Optional"):
                required.append(name)
        return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _flat(schema: Schema) -> list[Schema]:
    return list(schema["anyOf"]) if set(schema) == {"anyOf"} else [schema]


def _alternatives(node: ast.expr) -> list[ast.expr]:
    if isinstance(node, ast.BinOp):
        return [*_alternatives(node.left), *_alternatives(node.right)]
    return [node]


def _is_literal(node: ast.expr) -> bool:
    return isinstance(node, ast.Subscript) and ast.unparse(node.value) == "Literal"


def _is_resource(definition: Definition) -> bool:
    """Whether the class is an object with an address of its own, rather than a part of one."""
    return any(
        isinstance(item, ast.AnnAssign) and ast.unparse(item.target) == "OBJECT_NAME" for item in definition.node.body
    )
