"""What docstrings say: of handlers, of models' fields, of errors."""

import ast
import inspect
from collections.abc import Iterable
from itertools import pairwise
from types import ModuleType

from keyturn import errors
from keyturn.errors import KeyturnError


def split(text: str | None) -> tuple[str, str]:
    """Return a docstring's first line without its full stop, and the rest in one paragraph each."""
    first, _, rest = inspect.cleandoc(text or "").partition("\n\n")
    paragraphs = (" ".join(paragraph.split()) for paragraph in rest.split("\n\n"))
    return " ".join(first.split()).removesuffix("."), "\n\n".join(filter(None, paragraphs))


def of_fields(models: Iterable[ModuleType]) -> dict[str, dict[str, str]]:
    """Return the text below each field of the modules' classes, with what they inherit."""
    found: dict[str, dict[str, str]] = {}
    for module in models:
        for node in ast.parse(inspect.getsource(module)).body:
            if isinstance(node, ast.ClassDef):
                bases = [found.get(ast.unparse(base), {}) for base in node.bases]
                inherited = {name: text for base in bases for name, text in base.items()}
                found[node.name] = inherited | dict(_texts(node))
    return found


def of_error(code: str) -> str:
    """Return what an error is for; empty where no function answers it."""
    kinds = [each for each in vars(errors).values() if isinstance(each, type)]
    for kind in kinds:
        if issubclass(kind, KeyturnError) and kind.code == code:
            return split(kind.__doc__)[0]
    return ""


def _texts(node: ast.ClassDef) -> Iterable[tuple[str, str]]:
    for field, text in pairwise(node.body):
        if isinstance(field, ast.AnnAssign) and isinstance(text, ast.Expr):
            yield ast.unparse(field.target), " ".join(str(ast.literal_eval(text.value)).split())
