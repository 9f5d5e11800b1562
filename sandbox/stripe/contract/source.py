"""Modules of the installed SDK as syntax trees: which classes they define and what their imported names stand for."""

from __future__ import annotations

import ast
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path


@dataclass(frozen=True)
class Definition:
    """One class of the SDK, with the classes around it, which its annotations may name."""

    module: str
    node: ast.ClassDef
    within: tuple[ast.ClassDef, ...] = ()

    @property
    def name(self) -> str:
        """Unique name, such as `_invoice.Invoice.StatusTransitions`."""
        return ".".join([self.module.removeprefix("stripe."), *(node.name for node in self.within), self.node.name])

    def bases(self) -> list[str]:
        """Names of the base classes without their type arguments."""
        return [ast.unparse(base).split("[")[0] for base in self.node.bases]

    def fields(self) -> list[tuple[str, ast.expr]]:
        """Annotated fields; class variables and private names are not part of what is sent."""
        return [
            (item.target.id, item.annotation)
            for item in self.node.body
            if isinstance(item, ast.AnnAssign)
            and isinstance(item.target, ast.Name)
            and not item.target.id.startswith("_")
            and not ast.unparse(item.annotation).startswith("ClassVar")
        ]

    def lookup(self, name: str) -> Definition | None:
        """The class that `name` stands for inside this one: nested, beside it, around it, or imported."""
        chain = (*self.within, self.node)
        for depth in range(len(chain), 0, -1):
            for item in chain[depth - 1].body:
                if isinstance(item, ast.ClassDef) and item.name == name:
                    return Definition(self.module, item, chain[:depth])
        return find_class(self.module, name)


@cache
def module_tree(module: str) -> ast.Module:
    """The parsed source of a module of the SDK; raises `LookupError` when the installed SDK has no such module."""
    file = _root().joinpath(*module.split(".")[1:]).with_suffix(".py")
    if not file.is_file():
        raise LookupError(f"the installed stripe SDK has no module {module}")
    return ast.parse(file.read_text())


@cache
def _root() -> Path:
    """Where the SDK is installed. It is read and not imported, which would take longer than all the rest."""
    spec = find_spec("stripe")
    if spec is None or spec.origin is None:
        raise LookupError("the stripe SDK is not installed")
    return Path(spec.origin).parent


@cache
def imports(module: str) -> dict[str, tuple[str, str]]:
    """Imported name -> (module, name there), including imports made for type checkers only."""
    return {
        alias.asname or alias.name: (node.module, alias.name)
        for node in ast.walk(module_tree(module))
        if isinstance(node, ast.ImportFrom) and node.module
        for alias in node.names
    }


@cache
def find_class(module: str, name: str) -> Definition | None:
    """The class called `name` in the module or where the module imports it from; None outside the SDK."""
    for node in module_tree(module).body:
        if isinstance(node, ast.ClassDef) and node.name == name:
            return Definition(module, node)
    origin = imports(module).get(name)
    if origin is None or not origin[0].startswith("stripe."):
        return None
    return find_class(*origin)
