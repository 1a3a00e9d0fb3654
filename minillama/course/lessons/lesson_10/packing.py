"""The check of packing items into rows, against a search of all rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minillama.course.checking.answer import Case, call
from minillama.course.checking.check import Check
from minillama.course.complaint import Complaint

pack = Check("pack", "data")


def packed(pack: Any, sizes: list[int], capacity: int) -> list[list[int]]:
    """The rows that an answer makes, each sorted: their order does not matter, nor that in them."""
    given = list(sizes)
    rows = call(pack, given, capacity)
    if given != sizes:
        raise Complaint(
            "changes the list of sizes that it was given. Whoever holds that list finds other "
            "numbers in it: work on a copy.",
            "in-place",
        )
    try:
        return sorted(sorted(int(item) for item in row) for row in rows)
    except TypeError:
        raise Complaint("gives no list of rows, each a list of positions in `sizes`.") from None


def best_fit(sizes: list[int], capacity: int) -> list[int]:
    """How full the rows of the best fit are, found by looking at every row for every item."""
    rows: list[int] = []
    for size in sizes:
        fitting = [filled for filled in rows if filled + size <= capacity]
        if fitting:
            rows.remove(max(fitting))
        rows.append(max(fitting, default=0) + size)
    return sorted(rows)


@pack.probe("four items, by hand")
def four_items(pack: Any) -> Iterator[Case]:
    # 6 does not fit beside 5. 4 fits beside either and fills the second row, so that 5 fits too.
    yield Case(packed(pack, [5, 6, 4, 5], 10), [[0, 3], [1, 2]], "sizes [5, 6, 4, 5], capacity 10")
    yield Case(packed(pack, [], 10), [], "no items")


def some_sizes(n: int, largest: int) -> list[int]:
    return np.random.default_rng(0).integers(1, largest + 1, n).tolist()


@pack.probe("every item is in one row")
def every_item(pack: Any) -> Iterator[Case]:
    sizes = some_sizes(30, 10)
    items = [item for row in packed(pack, sizes, 12) for item in row]
    example = "30 sizes from 1 to 10 and capacity 12, as the items that are in"
    missing = [item for item in range(30) if item not in items]
    twice = sorted({item for item in items if items.count(item) > 1})
    yield Case(missing, [], f"{example} no row")
    yield Case(twice, [], f"{example} two rows or twice in one")
    yield Case(sorted({item for item in items if not 0 <= item < 30}), [], f"{example} no list")


@pack.probe("no row holds more than its capacity")
def capacity(pack: Any) -> Iterator[Case]:
    sizes = some_sizes(30, 10)
    rows = packed(pack, sizes, 12)
    sums = sorted(sum(sizes[item] for item in row if item < 30) for row in rows)
    overfull = [filled for filled in sums if filled > 12]
    yield Case(overfull, [], "30 sizes from 1 to 10 and capacity 12, as the rows' sums above 12")


@pack.probe("each item goes into the fullest row that has room")
def fullest(pack: Any) -> Iterator[Case]:
    for n, largest, capacity in ((12, 9, 10), (60, 20, 30)):
        sizes = some_sizes(n, largest)
        rows = packed(pack, sizes, capacity)
        sums = sorted(sum(sizes[item] for item in row if item < n) for row in rows)
        right = best_fit(sizes, capacity)
        # Taking the items in descending order is best fit as well, and packs a little better.
        if sums == best_fit(sorted(sizes, reverse=True), capacity):
            right = sums
        words = f"sizes {sizes}" if n < 20 else f"{n} sizes from 1 to {largest}"
        yield Case(sums, right, f"{words} and capacity {capacity}, as the rows' sums")


@pack.probe("it needs at most 17/10 of the rows that are necessary")
def necessary(pack: Any) -> Iterator[Case]:
    # Rows of 100 cut into pieces at random, then shuffled: 20 rows are enough.
    rng = np.random.default_rng(0)
    cuts = [np.sort(rng.choice(99, 3, replace=False)) + 1 for _ in range(20)]
    pieces = np.concatenate([np.diff([0, *cut, 100]) for cut in cuts])
    sizes = rng.permutation(pieces).tolist()
    n_rows = len(packed(pack, sizes, 100))
    yield Case(n_rows if n_rows > 34 else 34, 34, "pieces of 20 full rows, as rows needed at most")
