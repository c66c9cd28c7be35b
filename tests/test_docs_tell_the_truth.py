"""Every path, name and command in the docs exists, and every page follows the style rules."""

import ast
import re
import subprocess
from collections.abc import Iterator
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path, PurePosixPath

import click
import pytest

from rubyops.cli.main import cli
from rubyops.config import CHECKOUT

ADRS = CHECKOUT / "docs" / "adr"
PAGES = sorted(
    path
    for pattern in ("*.md", "docs/*.md", "docs/adr/*.md", "benchmarks/*.md")
    for path in CHECKOUT.glob(pattern)
)
TREES = {"benchmarks", "checks", "commands", "docs", "playbooks", "rubyops", "scripts", "sql"}
TREES |= {"tests", "wallet_runtime"}
SUFFIXES = (".cfg", ".json", ".lock", ".md", ".ndjson", ".py", ".sql", ".toml", ".yaml")
# Files in the folder of an environment, which a checkout does not have.
STATE = {"ports.json", "secrets.json", "servers.json", "suites.json", "<run>.ndjson"}
# The packages behind the short names of the docs, such as `contract.routes`.
ROOTS = {
    "contract": "wallet_runtime.contract",
    "plumbing": "wallet_runtime.plumbing",
    "runtime": "wallet_runtime.plumbing.runtime",
    "events": "wallet_runtime.plumbing.events",
    "http": "wallet_runtime.plumbing.http",
    "registry": "rubyops.registry",
    **{tree: tree for tree in ("rubyops", "commands", "checks", "wallet_runtime", "tests")},
}
SCHEMAS = ("wallet", "control", "rolling", "game", "gateway", "player", "admin", "public")
SECTIONS = ["Context", "Decision", "Consequences", "Rejected"]
SPAN = re.compile(r"`([^`]+)`")
LINK = re.compile(r"\]\(([^)#]+)(?:#[^)]*)?\)")
FENCE = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINE = re.compile(r"^(?:\.venv/bin/|scripts/)?rubyops (\S.*)$")
DOTTED = re.compile(r"^[A-Za-z_]+(?:\.\w+)+$")


def prose(page: Path) -> str:
    """The text of a page without its code blocks."""
    return FENCE.sub("", page.read_text(encoding="utf-8"))


def spans(page: Path) -> list[str]:
    return [" ".join(span.split()) for span in SPAN.findall(prose(page))]


def words(page: Path) -> list[str]:
    return [word.rstrip(",;:") for span in spans(page) for word in span.split()]


def tracked() -> set[PurePosixPath]:
    """All files of the checkout, untracked ones included, ignored ones left out."""
    listed = ("git", "ls-files", "--cached", "--others", "--exclude-standard")
    text = subprocess.run(listed, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout
    return {PurePosixPath(line) for line in text.splitlines()}


def exists(name: str, files: set[PurePosixPath]) -> bool:
    """Whether a path, or the end of a path, exists; `<name>` matches any name."""
    pattern = re.sub(r"<[^>]+>", "*", name.rstrip("/"))
    return any(
        place.match(pattern) for file in files for place in (file, *file.parents) if place.name
    )


def is_path(word: str) -> bool:
    if word.startswith(("/", ".", "http", "<", "*")) or PurePosixPath(word).name in STATE:
        return False
    in_tree = word.partition("/")[0] in TREES and "/" in word
    return in_tree or word.endswith(SUFFIXES)


def missing_paths(page: Path, files: set[PurePosixPath]) -> list[str]:
    return [word for word in words(page) if is_path(word) and not exists(word, files)]


def missing_links(page: Path) -> list[str]:
    return [
        target
        for target in LINK.findall(prose(page))
        if "://" not in target and not (page.parent / target).exists()
    ]


def resolves(dotted: str) -> bool:
    """Whether a dotted name is a module, or an attribute in a module."""
    first, *rest = dotted.split(".")
    found: object = import_module(ROOTS[first])
    for step in rest:
        if hasattr(found, step):
            found = getattr(found, step)
            continue
        try:
            found = import_module(f"{getattr(found, '__name__', '')}.{step}")
        except ImportError:
            return False
    return True


def resolves_in(module: str, name: str) -> bool:
    """Whether a module has this attribute or this submodule."""
    found = import_module(module)
    return hasattr(found, name) or find_spec(f"{module}.{name}") is not None


def missing_names(page: Path) -> list[str]:
    named = {word.partition("(")[0].partition(":")[0] for word in words(page)}
    return [
        word
        for word in sorted(named)
        if DOTTED.match(word)
        and word.partition(".")[0] in ROOTS
        and not word.endswith(SUFFIXES)
        and not resolves(word)
    ]


def database_text() -> str:
    """All our SQL, and the module with the names of streams, which look like tables."""
    files = (*(CHECKOUT / "sql").rglob("*.sql"), CHECKOUT / "wallet_runtime/contract/events.py")
    return "\n".join(file.read_text(encoding="utf-8") for file in files)


def missing_in_database(page: Path, text: str) -> list[str]:
    named = {word.partition("(")[0] for word in words(page)}
    return [
        word
        for word in sorted(named)
        if DOTTED.match(word)
        and word.partition(".")[0] in SCHEMAS
        and not word.endswith(SUFFIXES)
        and not re.search(rf"\b{re.escape('.'.join(word.split('.')[:2]))}\b", text)
    ]


def command_lines(page: Path) -> Iterator[str]:
    """Yield the arguments of each `rubyops` command in code spans and code blocks."""
    blocks = FENCE.findall(page.read_text(encoding="utf-8"))
    lines = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    for line in (*spans(page), *lines):
        found = LINE.match(line)
        if found:
            yield found[1]


def fault_of(line: str) -> str | None:
    """The part of a command line that rubyops does not know; capitals are placeholders."""
    given = line.replace("|", " | ").split()
    while given[:1] in (["-e"], ["--environment"]):
        given = given[2:]
    command: click.Command = cli
    context = click.Context(cli)
    while isinstance(command, click.Group) and given and not given[0].startswith("-"):
        found = command.get_command(context, given[0])
        if found is None:
            return f"no command {given[0]!r}"
        command, given = found, given[1:]
    options = {name for given in command.params for name in (*given.opts, *given.secondary_opts)}
    options |= {"-h", "--help"}
    typed = {word.partition("=")[0] for word in given if word.startswith("-")}
    unknown = sorted(typed - options)
    helped = command.main(["--help"], prog_name=command.name, standalone_mode=False)
    return f"no option {', '.join(unknown)}" if unknown else helped or None


def wide_lines(page: Path) -> list[str]:
    return [
        line
        for line in page.read_text(encoding="utf-8").splitlines()
        if len(line) > 100 and not line.startswith("|")
    ]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
class TestAPage:
    """Rules for every page."""

    def test_names_paths_that_exist(self, page: Path) -> None:
        assert missing_paths(page, tracked()) == []

    def test_links_to_what_exists(self, page: Path) -> None:
        assert missing_links(page) == []

    def test_names_modules_and_members_that_exist(self, page: Path) -> None:
        assert missing_names(page) == []

    def test_names_tables_and_functions_that_exist(self, page: Path) -> None:
        assert missing_in_database(page, database_text()) == []

    def test_types_command_lines_that_parse(
        self, page: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert [(line, fault) for line in command_lines(page) if (fault := fault_of(line))] == []
        capsys.readouterr()

    def test_has_lines_of_100_columns(self, page: Path) -> None:
        assert wide_lines(page) == []


@pytest.mark.parametrize("page", sorted(ADRS.glob("[0-9]*.md")), ids=lambda page: page.name[:4])
def test_a_decision_has_the_form(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    sections = re.findall(r"^## (.+)$", text, re.MULTILINE)

    assert re.match(rf"# {int(page.name[:4])}\. \S.*\n\n\*\*Status:\*\* ", text)
    assert sections[:2] == SECTIONS[:2]
    assert sections == [section for section in SECTIONS if section in sections]


def test_the_index_lists_every_decision_once() -> None:
    titles = {
        page.name: page.read_text("utf-8").partition("\n")[0].partition(". ")[2]
        for page in sorted(ADRS.glob("[0-9]*.md"))
    }
    listed = re.findall(
        r"^\| (\d+) \| \[(.+)\]\((.+)\) \|$", (ADRS / "README.md").read_text("utf-8"), re.MULTILINE
    )

    assert [(name, title) for _, title, name in listed] == list(titles.items())
    assert [int(number) for number, _, _ in listed] == list(range(1, len(titles) + 1))


# --- the examples of CONTRIBUTING

EXAMPLE = re.compile(r"^```python\n# (\S+)\n(.*?)^```", re.MULTILINE | re.DOTALL)
EXAMPLES = dict(EXAMPLE.findall((CHECKOUT / "CONTRIBUTING.md").read_text(encoding="utf-8")))
MADE_BY_THE_PAGE = {"REPORT_SERVICE"}


def imported(text: str) -> Iterator[tuple[str, str]]:
    """Yield (module, name) of each import from our packages."""
    for node in ast.walk(ast.parse(text)):
        module = node.module if isinstance(node, ast.ImportFrom) else None
        if isinstance(node, ast.ImportFrom) and module and module.partition(".")[0] in TREES:
            yield from ((module, alias.name) for alias in node.names)


@pytest.mark.parametrize("file", EXAMPLES)
def test_an_example_imports_what_there_is(file: str) -> None:
    made = {name.removesuffix(".py").replace("/", ".") for name in EXAMPLES}
    gone = [
        f"{module}.{name}"
        for module, name in imported(EXAMPLES[file])
        if not {module, f"{module}.{name}"} & made
        and name not in MADE_BY_THE_PAGE
        and not resolves_in(module, name)
    ]
    assert gone == []
