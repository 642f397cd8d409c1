"""Percentages as the reports show them. Source: contract, reporting.md §5.4."""


def percent(part: int, whole: int) -> float:
    """0.0 to 100.0 with one decimal, rounded half up; 0.0 of nothing.

    More than everything is possible (who bounced with an automatic answer may open), and is shown as 100.0.
    """
    if whole <= 0:
        return 0.0
    tenths = (part * 2000 + whole) // (2 * whole)
    return min(tenths, 1000) / 10
