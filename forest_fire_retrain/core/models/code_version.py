"""Say which code computed something: a fingerprint of the wings it is made from and of all that these import.

Rules
-----
- What is fingerprinted is what the code means: comments, docstrings and layout play no part.
- A module counts if it is reached: by name, or by an import inside a module that counts, also inside a function.
- The text of a module is data here; nothing is imported.
"""

import ast
import hashlib
from collections.abc import Iterable, Mapping
from functools import cache

PACKAGE = "forest_fire_retrain"

Sources = Mapping[str, str]
"""Path within the package, such as `core/windows.py`, to text."""


def fingerprint_code(sources: Sources, entrances: Iterable[str]) -> str:
    """SHA-256 over the meaning of every module that is reached from `entrances`.

    Parameters
    ----------
    sources : mapping
        All modules of the package, by their path within it.
    entrances : iterable of str
        Wings (`pipeline/preparing`) and single modules (`adapters/folder_source.py`).

    Raises
    ------
    KeyError
        If an entrance names no module at all.
    """
    digest = hashlib.sha256()
    for path in sorted(reach(sources, entrances)):
        meaning, _ = _read(sources[path])
        digest.update(f"{path}:{len(meaning)}|{meaning}".encode())
    return digest.hexdigest()


def reach(sources: Sources, entrances: Iterable[str]) -> set[str]:
    """Paths of the modules in `entrances`, and of all that they import, directly or not.

    Raises
    ------
    KeyError
        If an entrance names no module at all.
    """
    reached: set[str] = set()
    waiting = [path for entrance in entrances for path in _modules_of(sources, entrance)]
    while waiting:
        path = waiting.pop()
        if path not in reached:
            reached.add(path)
            _, imported = _read(sources[path])
            waiting += [named for named in imported if named in sources]
    return reached


def _modules_of(sources: Sources, entrance: str) -> list[str]:
    found = [path for path in sources if path == entrance or path.startswith(f"{entrance}/")]
    if not found:
        raise KeyError(entrance)
    return found


@cache
def _read(text: str) -> tuple[str, tuple[str, ...]]:
    """What a module means, and the project's modules that it names in its imports, as paths."""
    words: list[str] = []
    imports: list[ast.Import | ast.ImportFrom] = []
    _spell(ast.parse(text), words, imports)
    names = (name for statement in imports for name in _named_in(statement))
    inside = (name.removeprefix(f"{PACKAGE}.") for name in names if name.startswith(f"{PACKAGE}."))
    return "\n".join(words), tuple(f"{name.replace('.', '/')}.py" for name in inside)


def _named_in(statement: ast.Import | ast.ImportFrom) -> list[str]:
    """Dotted names that may be modules."""
    aliases = [alias.name for alias in statement.names]
    if isinstance(statement, ast.Import) or not statement.module:
        return aliases
    return [statement.module, *(f"{statement.module}.{name}" for name in aliases)]


def _spell(node: ast.AST, words: list[str], imports: list[ast.Import | ast.ImportFrom]) -> None:
    """Add what a node means, its kind and its fields, nothing of where it stands; and the imports in it."""
    words.append(type(node).__name__)
    if isinstance(node, ast.Import | ast.ImportFrom):
        imports.append(node)
    for name in node._fields:
        value = getattr(node, name, None)
        for part in value if isinstance(value, list) else (value,):
            if isinstance(part, ast.AST):
                if not _is_docstring(part):
                    words.append(name)
                    _spell(part, words, imports)
            elif part is not None:
                words.append(f"{name}={part!r}")


def _is_docstring(node: ast.AST) -> bool:
    """Whether a statement is a text that stands for itself: it says something to people and does nothing."""
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str)
