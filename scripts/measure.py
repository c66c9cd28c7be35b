"""Measures the source code: files, functions, long lines, loose dicts, import cycles.

    .venv/bin/python scripts/measure.py [FOLDER]

The figures of functions cover product code only, without docstrings and decorators. A boundary is a
module whose values are stored, so they outlive the process.
"""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import median

PRODUCT = ("rubyops", "commands", "checks", "sql", "playbooks", "wallet_runtime")
LINE_LENGTH = 100
TEXT = (".py", ".sql", ".yaml", ".cfg", ".toml", ".sh")
# The modules of journals, of commands that SQL reads as JSON, and of events. The list also has
# earlier names of these modules, so that an old commit can be measured.
BOUNDARIES = (
    "rubyops/engine/journal",
    "rubyops/engine/journal.py",
    "rubyops/engine/history.py",
    "rubyops/engine/evidence.py",
    "rubyops/engine/suites.py",
    "rubyops/engine/effect_data.py",
    "wallet_runtime/wallet/domain/decision",
    "wallet_runtime/wallet/domain/records",
    "wallet_runtime/wallet/store/command.py",
    "wallet_runtime/wallet/store/batch.py",
    "wallet_runtime/plumbing/events",
    "wallet_runtime/plumbing/inbox.py",
    "wallet_runtime/plumbing/outbox.py",
    "wallet_runtime/plumbing/envelope.py",
)


def tracked(root: Path) -> list[str]:
    """List the files that git tracks, except deleted ones."""
    listed = subprocess.run(
        ["git", "-C", str(root), "ls-files"], capture_output=True, text=True, check=True
    )
    return [name for name in listed.stdout.split("\n") if name and (root / name).is_file()]


def functions(tree: ast.AST) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Find every function, including methods and nested functions."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the lines of a function from its `def`, without its docstring."""
    lines = (node.end_lineno or node.lineno) - node.lineno + 1
    if ast.get_docstring(node, clean=False) is None:
        return lines
    docstring = node.body[0]
    return lines - ((docstring.end_lineno or docstring.lineno) - docstring.lineno + 1)


def weight(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Count the syntax nodes of a function: its parameters, their defaults and its body.

    Annotations, the docstring and the load/store contexts of names do not count.
    """
    body = node.body[1:] if ast.get_docstring(node, clean=False) is not None else node.body
    defaults = [*node.args.defaults, *filter(None, node.args.kw_defaults)]
    parts = [inner for part in [*body, *defaults] for inner in ast.walk(part)]
    names = sum(isinstance(inner, ast.arg) for inner in ast.walk(node.args))
    return 2 + names + sum(not isinstance(inner, ast.expr_context) for inner in parts)


def loose_dicts(tree: ast.AST) -> int:
    """Count `dict[str, Any]` and `dict[str, object]` anywhere in a module."""
    wanted = ("dict[str, Any]", "dict[str, object]")
    return sum(
        1 for node in ast.walk(tree) if isinstance(node, ast.Subscript) and _is(node, wanted)
    )


def _is(node: ast.Subscript, wanted: tuple[str, ...]) -> bool:
    return ast.unparse(node) in wanted


def imports(name: str, tree: ast.AST, modules: set[str]) -> set[str]:
    """Return the product's modules that a module imports at its top level."""
    found: set[str] = set()
    for node in getattr(tree, "body", []):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return (found & modules) - {name}


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Find groups of modules that import each other, by Tarjan's algorithm."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[list[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
            if other in stack:
                low[node] = min(low[node], low[other])
        if low[node] == index[node]:
            place = stack.index(node)
            if len(stack) - place > 1:
                found.append(sorted(stack[place:]))
            del stack[place:]

    sys.setrecursionlimit(10_000)
    for node in graph:
        if node not in index:
            visit(node)
    return found


def percentile(values: list[int], share: float) -> int:
    """Return the value at this share of the sorted list: 0.9 is the 90th percentile."""
    return sorted(values)[int(share * len(values))]


def main(root: Path) -> None:
    """Print the figures of the checkout in this folder."""
    names = tracked(root)
    python = {name: (root / name).read_text() for name in names if name.endswith(".py")}
    trees = {name: ast.parse(text) for name, text in python.items()}
    product = {name: tree for name, tree in trees.items() if name.startswith(PRODUCT)}
    every = [node for tree in product.values() for node in functions(tree)]
    lengths, weights = [length(node) for node in every], [weight(node) for node in every]
    lines = {name: python[name].count("\n") for name in python}
    modules = {name.removesuffix(".py").replace("/", "."): name for name in product}
    modules = {name.removesuffix(".__init__"): place for name, place in modules.items()}
    graph = {name: imports(name, trees[place], set(modules)) for name, place in modules.items()}
    long_lines = {
        name: sum(len(line) > LINE_LENGTH for line in (root / name).read_text().split("\n"))
        for name in names
        if name.endswith(TEXT)
    }
    boundary = [name for name in product if name.startswith(BOUNDARIES)]
    source = sum(lines[name] for name in product)
    tests = sum(lines[name] for name in lines if name.startswith("tests/"))
    print(f"product files           {len(product)}, longest {max(lines[name] for name in product)}")
    print(f"test files over 400     {sum(lines[n] > 400 for n in lines if n not in product)}")
    print(f"functions               {len(lengths)}")
    p90 = percentile(lengths, 0.9)
    print(f"function lines          median {median(lengths):g}, p90 {p90}, max {max(lengths)}")
    print(f"syntax nodes a function median {median(weights):g}, p90 {percentile(weights, 0.9)}")
    print(f"lines over {LINE_LENGTH} columns    {sum(long_lines.values())}")
    loose = sum(loose_dicts(trees[name]) for name in boundary)
    print(f"dicts at boundaries     {loose} in {len(boundary)} modules")
    found = circles(graph)
    print(f"import circles          {len(found)} {found or ''}")
    print(f"test lines per source   {tests / source:.2f} ({tests} / {source})")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "."))
