"""The check of packing items into rows, against a search of all rows."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from minillama.course.checking import Check, Mistake
from minillama.course.probing import Case, Complaint, call

INTO_ROW = "            room = rooms[i]\n            row = rows_by_room[room].pop()\n"
START = "    rows: list[list[int]] = []\n"

pack = Check(
    "pack",
    "data",
    hints={
        "pack": "For each size in turn: of the rows with room for it, take the one with the least "
        "room, or else start a new row; put the item's position into it and take the size off its "
        "room. A loop over all rows will do for a start.",
    },
    mistakes=(
        Mistake(
            "next-fit",
            "Only the last row is looked at, and rows before it are left with the room they have. "
            "That is next fit: it can need twice the rows that are necessary, and every place that "
            "stays empty is computed in training all the same.",
            {"room -= size": "room -= size\n        rooms.clear()\n        rows_by_room.clear()"},
        ),
        Mistake(
            "first-fit",
            "Items go into the first row that has room. That is first fit; best fit takes the "
            "fullest such row, so that large rooms are kept for large items.",
            {INTO_ROW: "            rooms_by_row = {r[0]: room for room, r in rows_by_room.items()"
             " if r and room >= size}\n"
             "            row = min(rooms_by_row)\n"
             "            room = rooms_by_row[row]\n"
             "            rows_by_room[room].remove(row)\n"
             "            i = rooms.index(room)\n",
             "rows_by_room[room].append(row)":
             "rows_by_room[room] = sorted([*rows_by_room[room], row])"},
        ),
        Mistake(
            "worst-fit",
            "Items go into the emptiest row that has room. That is worst fit: soon all rows are "
            "half full, and none has room for a large item. Take the fullest.",
            {INTO_ROW: "            i = len(rooms) - 1\n" + INTO_ROW},
        ),
        Mistake(
            "a-row-each",
            "Every item gets a row of its own, though others have room for it.",
            {"i = bisect_left(rooms, size)": "i = len(rooms)"},
        ),
        Mistake(
            "exact-fit-missed",
            "An item that would fill a row to the last place is not put there: room for it is room "
            "of at least its size, not of more.",
            {"bisect_left(rooms, size)": "bisect_left(rooms, size + 1)"},
        ),
        Mistake(
            "overfull",
            "Items go into any row that is not full, whether they fit or not, so that rows get "
            "more than their capacity.",
            {"bisect_left(rooms, size)": "bisect_left(rooms, 1)"},
        ),
        Mistake(
            "one-too-many",
            "A row gets one more than its capacity: an item fits if the sum with it is at most the "
            "capacity.",
            {"bisect_left(rooms, size)": "bisect_left(rooms, size - 1)",
             "if room > 0:": "if room >= 0:"},
        ),
        Mistake(
            "room-kept",
            "The room of a row does not get less when an item is put there, so rows never fill up.",
            {"        room -= size\n": ""},
        ),
        Mistake(
            "items-counted",
            "A row's room is counted in items. It is the sum of their sizes that must not exceed "
            "the capacity.",
            {"bisect_left(rooms, size)": "bisect_left(rooms, 1)", "room -= size": "room -= 1"},
        ),
        Mistake(
            "first-of-row-lost",
            "The item for which a new row is started is not put into it: it is lost.",
            {"        rows[row].append(item)": "        if room < capacity:\n"
             "            rows[row].append(item)"},
        ),
        Mistake(
            "last-row-lost",
            "The last row is missing, and its items with it.",
            {"    return rows": "    return rows[:-1]"},
        ),
        Mistake(
            "next-fit-last-row-lost",
            "Only the last row is looked at (next fit), and at the end that row is lost: a row "
            "that is still open has to be kept too.",
            {"room -= size": "room -= size\n        rooms.clear()\n        rows_by_room.clear()",
             "    return rows": "    return rows[:-1]"},
        ),
        Mistake(
            "split",
            "An item is split: what does not fit into a row goes into the next one. It is to stand "
            "in one row, whole.",
            {START: START + "    room = 0\n"
             "    for item, size in enumerate(sizes):\n"
             "        if 0 < room < size:\n"
             "            rows[-1].append(item)\n"
             "            size -= room\n"
             "            room = 0\n"
             "        if room == 0:\n"
             "            rows.append([])\n"
             "            room = capacity\n"
             "        rows[-1].append(item)\n"
             "        room -= size\n"
             "    return rows\n"},
        ),
        Mistake(
            "sizes-given",
            "The rows hold the items' sizes. They are to hold their positions in `sizes`, to find "
            "the items by.",
            {"rows[row].append(item)": "rows[row].append(size)"},
        ),
        Mistake(
            "positions-after-sorting",
            "The sizes are sorted first, and the positions are those in the sorted list: they "
            "point at other items. Keep each item's own position with its size.",
            {"enumerate(sizes)": "enumerate(sorted(sizes, reverse=True))"},
        ),
    ),
)  # fmt: skip


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
