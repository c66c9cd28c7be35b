"""Commands that a person may type next, completed for the environment in use."""

from rubyops.model.environment import DEFAULT_ENVIRONMENT


def in_environment(lines: str | None, environment: str | None) -> str | None:
    """Add `-e ENVIRONMENT` to each command, except for the default environment.

    `lines` holds commands that are separated by `|`.
    """
    if lines is None or environment in (None, DEFAULT_ENVIRONMENT):
        return lines
    return "   |   ".join(_named(part.strip(), environment) for part in lines.split("|"))


def _named(line: str, environment: str | None) -> str:
    if " -e " in line or not line.startswith("rubyops "):
        return line
    return f"{line} -e {environment}"
