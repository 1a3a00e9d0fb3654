"""How long something computes, compared with something else in the same process.

Seconds that a processor computed, the fewest of some tries: other work on the machine hardly
changes them, and their ratio not at all.
"""

import time


def seconds(work, *arguments, tries=3):
    def once():
        start = time.process_time()
        work(*arguments)
        return time.process_time() - start

    return min(once() for _ in range(tries))


def assert_in_proportion(work, text):
    """A text takes about ten times as long as a tenth of it, and not a hundred times."""
    tenth = seconds(work, text[: len(text) // 10])
    assert seconds(work, text, tries=1) < 40 * max(tenth, 1e-3)  # a clock may tick so slowly
