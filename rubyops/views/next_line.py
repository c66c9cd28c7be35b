"""The lines that a person may type next, for the environment that is meant."""

from rubyops.model.environment import DEFAULT_ENVIRONMENT


def in_environment(lines: str | None, environment: str | None) -> str | None:
    """Name the environment in each suggested line, but for the one that no line needs to name.

    Lines are parted by `|`.
    """
    if lines is None or environment in (None, DEFAULT_ENVIRONMENT):
        return lines
    return "   |   ".join(_named(part.strip(), environment) for part in lines.split("|"))


def _named(line: str, environment: str | None) -> str:
    if " -e " in line or not line.startswith("rubyops "):
        return line
    return f"{line} -e {environment}"
