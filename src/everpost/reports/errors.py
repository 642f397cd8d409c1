"""How the reports word their errors. Source: contract, reporting.md §1.5."""

from everpost.platform.errors import Area, Problem

PREFIX = "reportingsvc"


def _word(problem: Problem) -> str:
    return f"{problem.path[0] if problem.path else 'body'} does not have a valid value"


AREA = Area(
    prefix=PREFIX,
    word=_word,
    invalid_key=f"{PREFIX}.validation.error",
    malformed_key=f"{PREFIX}.validation.error",
    not_found_key=f"{PREFIX}.not_found",
)
