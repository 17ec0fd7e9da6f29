"""Secrets are compared in constant time: no `==` and no `in` where one stands on either side.

By name, so a secret must be called what it is; and by a reader's eye, for what a name does not say.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

pytestmark = pytest.mark.row("T9")

FUNCTIONS = Path(__file__).parents[2] / "functions"
SECRETS = {
    *("secret", "_secret", "secret_hash", "previous_hash", "hash", "hashes", "digest", "digests"),
    *("key", "text", "key_text", "presented", "plaintext", "ciphertext", "check", "signature"),
}
# What makes a secret, and what leaves of one something that is none.
MAKES = {"reveal", "digest", "hexdigest", "_check"}
HARMLESS = {"len", "type", "bool", "isinstance", "is_id"}
EARLY = (ast.Eq, ast.NotEq, ast.In, ast.NotIn)
METHODS = {"startswith", "endswith", "find", "index", "count", "__eq__"}
# Our own AWS credentials on both sides: nobody outside gets to present either.
EXCUSED = {("sigv4.py", "kept_secret == secret")}


def carries(node: ast.AST) -> bool:  # noqa: PLR0911 - one for each form of a value
    """Tell whether a value is a secret, or one in another form."""
    match node:
        case ast.Name(id=name) if name in SECRETS:
            return True
        case ast.Attribute(attr=name):
            return name in SECRETS
        case ast.Subscript(slice=ast.Constant(value=name)) if name in SECRETS:
            return True
        case ast.Call(func=ast.Name(id=name) | ast.Attribute(attr=name)) if name in MAKES:
            return True
        case ast.Call(func=ast.Name(id=name)) if name in HARMLESS:
            return False
        case ast.Call(func=ast.Attribute(value=of), args=args):
            return any(map(carries, [of, *args]))
        case ast.Compare() | ast.Lambda():
            return False
    return any(map(carries, ast.iter_child_nodes(node)))


def comparisons(tree: ast.AST) -> Iterator[ast.AST]:
    """Yield every comparison that ends at the first difference, or may."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Compare):
            sides = [node.left, *node.comparators]
            early = any(isinstance(op, EARLY) for op in node.ops)
            # `"name" in item` looks for a name and not for a value.
            named = isinstance(node.left, ast.Constant) and isinstance(
                node.ops[0], ast.In | ast.NotIn
            )
            if early and not named and any(carries(side) for side in sides):
                yield node
        elif isinstance(node, ast.Match) and carries(node.subject):
            yield node
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
            said = node.func.attr in METHODS and (
                carries(node.func.value) or any(map(carries, node.args))
            )
            if said:
                yield node


BAD = [
    "digest == self.secret_hash",
    "self.secret_hash != digest",
    "if hashlib.sha256(secret.encode()).hexdigest() == stored: ...",
    "digest in (self.secret_hash, self.previous_hash)",
    "digest not in hashes",
    'row["secret_hash"] == given',
    'given == row["secret_hash"]["B"]',
    "key.reveal() == other",
    "text[-6:] != expected",
    "_check(body) == found",
    "presented.startswith(prefix)",
    "stored.endswith(secret)",
    "x = 1 if a < b == key.digest else 2",
    "match digest:\n    case b'': ...",
    "any(digest == each for each in known)",
    "[h for h in hashes if h == digest]",
    "bytes(digest) == bytes(other)",
    "(digest or b'') == other",
    "digest.__eq__(other)",
]
GOOD = [
    "hmac.compare_digest(digest, self.secret_hash)",
    "not hmac.compare_digest(_check(text[:-6]), text[-6:])",
    "self.previous_hash is None",
    'previous = item["previous_hash"] if "previous_hash" in item else None',
    "len(digest) != 32",
    "key.id != id",
    "key.generation == read.generation",
    'kind == "secret"',
    "bool(key) and now >= key.expires_at",
    "len(text) > 128",
]


@pytest.mark.parametrize("source", BAD)
def test_rule_finds_a_comparison_that_ends_early(source: str) -> None:
    assert list(comparisons(ast.parse(source)))


@pytest.mark.parametrize("source", GOOD)
def test_rule_leaves_alone_what_compares_no_secret(source: str) -> None:
    assert not list(comparisons(ast.parse(source)))


def test_no_function_compares_a_secret_so_that_time_tells_where_it_differs() -> None:
    found = {
        (path.name, ast.unparse(node))
        for path in FUNCTIONS.rglob("*.py")
        for node in comparisons(ast.parse(path.read_text(encoding="utf-8")))
    }
    assert found == EXCUSED


def test_every_judgement_of_a_presented_string_is_by_compare_digest() -> None:
    judges = {
        (path.stem, function.name)
        for path in FUNCTIONS.rglob("*.py")
        for function in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(function, ast.FunctionDef)
        for node in ast.walk(function)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "hmac.compare_digest"
    }
    assert judges == {
        ("keytext", "matches"),
        ("keytext", "parse"),
        ("foreign", "matches"),
        ("keys", "verify"),
        ("cursor", "unseal"),
    }
