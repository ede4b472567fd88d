"""The cheapest one-to-one assignment of rows to columns (Hungarian method)."""

from collections.abc import Sequence


def assign(costs: Sequence[Sequence[float]]) -> list[int]:
    """For each row of a square cost matrix its column, so that the sum of costs is least.

    Shortest augmenting paths with potentials (Kuhn 1955; Jonker and Volgenant 1987): rows are
    added one at a time, each by a path that may move earlier rows. Time grows with the cube of
    the size.
    """
    size = len(costs)
    row_potential = [0.0] * size
    column_potential = [0.0] * (size + 1)
    row_of: list[int | None] = [None] * (size + 1)  # the last column is where a path starts
    for row in range(size):
        row_of[size] = row
        _augment(costs, row_of, row_potential, column_potential)
    columns = [0] * size
    for column, owner in enumerate(row_of[:size]):
        assert owner is not None
        columns[owner] = column
    return columns


def _augment(
    costs: Sequence[Sequence[float]],
    row_of: list[int | None],
    row_potential: list[float],
    column_potential: list[float],
) -> None:
    """Grow the cheapest tree from the start column to a free one, then swap along its path."""
    size = len(costs)
    slack = [float("inf")] * size
    came_from = [size] * size
    reached = [size]
    column = size
    while (row := row_of[column]) is not None:
        free = [c for c in range(size) if c not in reached]
        for c in free:
            reduced = costs[row][c] - row_potential[row] - column_potential[c]
            if reduced < slack[c]:
                slack[c], came_from[c] = reduced, column
        nearest = min(free, key=slack.__getitem__)
        step = slack[nearest]
        for c in reached:
            owner = row_of[c]
            assert owner is not None
            row_potential[owner] += step
            column_potential[c] -= step
        for c in free:
            slack[c] -= step
        reached.append(nearest)
        column = nearest
    while column != size:
        row_of[column] = row_of[came_from[column]]
        column = came_from[column]
