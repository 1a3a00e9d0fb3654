"""A report in words: what was measured, in tables for a terminal of 100 columns."""

from collections.abc import Iterator

from minillama.bench.decoding import EAGER, THEIRS, DecodingSpeed
from minillama.bench.limits import Limits, Machine
from minillama.bench.report import Report
from minillama.bench.same_loss import SameLoss
from minillama.bench.training import OURS, TrainingSpeed

FULL = (EAGER, "fused", "compiled")  # the ways to write that read each weight in float32


def as_text(report: Report) -> str:
    """The whole report; parts that were not measured are left out."""
    parts = [about(report.version, report.machine)]
    parts += [best(at) for at in report.limits]
    if report.training:
        rounds = len(report.training[0].seconds[OURS])
        parts.append(
            f"Training, tokens a second: medians of {rounds} rounds, all in turns (least to most)"
        )
        parts += [trained(speed) for speed in report.training]
    if report.same_loss:
        parts.append(compared(report.same_loss))
    if report.decoding:
        parts.append(written(report.decoding))
    if report.first_token:
        first = report.first_token
        parts.append(
            f"First text {first.least:.2f} s after `minillama generate` is started, the least of "
            f"{len(first.seconds)}; their median is {first.median:.2f} s"
        )
    if report.memory:
        parts.append("\n".join(remembered(report)))
    if report.lessons:
        parts.append("\n".join(taught(report)))
    if report.missing:
        parts.append("\n  ".join(["Not measured", *report.missing]))
    kind = "quick run" if report.quick else "run"
    took = f"{report.seconds:.0f} s, {report.processor_seconds:.0f} s of them computing"
    return "\n\n".join([*parts, f"This {kind} took {took}."])


def about(version: str, machine: Machine) -> str:
    """Whose figures these are."""
    peers = f"transformers {machine.transformers}" if machine.transformers else "no transformers"
    cores = "core" if machine.cpus == 1 else "cores"
    return (
        f"minillama {version} on {machine.processor}, {machine.cpus} {cores}, "
        f"{machine.memory_gib:.1f} GiB\n"
        f"torch {machine.torch}, {peers}, Python {machine.python}, {machine.system}"
    )


def best(at: Limits) -> str:
    """What so many threads reach at best."""
    lines = [
        f"At best, {threads(at.threads)}",
        f"  {'matrix product, 10^9 operations a second':48}{'float32':>10}{'bfloat16':>10}",
    ]
    for product in at.products:
        size = f"({product.m}, {product.k}) @ ({product.k}, {product.n})"
        what = f"{product.what:14}{size}"
        lines.append(f"  {what:48}{product.float32:10.0f}{product.bfloat16:10.0f}")
    return "\n".join(
        [
            *lines,
            f"  memory: {at.copy_gb_s:.1f} GB/s of reading and writing in a large copy, "
            f"{at.read_gb_s:.1f} GB/s of reading\n"
            f"  the same {at.read_bytes / 1e6:.0f} MB again and again",
        ]
    )


def trained(speed: TrainingSpeed) -> str:
    """One shape, a line a rival."""
    lines = [
        f"  {speed.shape}: {speed.parameters:,} parameters, batches of {speed.batch_size} x "
        f"{speed.seq_len}, {threads(speed.threads)}"
    ]
    for name, rate in speed.tokens_per_second.items():
        if name == OURS:
            note = (
                f"{speed.of_limit:.0%} of the best {speed.dtype} matrix product, "
                f"{speed.flops_per_token / 1e6:.1f} MFLOP a token"
            )
        else:
            note = f"{OURS} is {speed.ratios[name]} as fast"
        name = f"{name} {speed.dtype}" if name.startswith(OURS) else name
        lines.append(f"    {name:26}{rate:9,.0f}  {note}")
    return "\n".join(lines)


def compared(same: SameLoss) -> str:
    """Whether both learn the same."""
    return (
        f"Same weights, batches and AdamW in float32, shape {same.shape}: after {len(same.ours)} "
        f"steps the loss is {same.ours[-1]:.5f}, transformers' {same.theirs[-1]:.5f};\n"
        f"  the largest difference of a step is {same.largest_difference:.1e} of it"
    )


def written(speed: DecodingSpeed) -> str:
    """One text, and many."""
    lines = [
        f"Writing {speed.new_tokens} tokens after {speed.prompt_tokens}, greedy, float32, shape "
        f"{speed.shape}, {threads(speed.threads)}: tokens a second"
    ]
    for name, rate in speed.tokens_per_second.items():
        note = ""
        if name in speed.ratios:
            note = (
                f"{speed.ratios[name]} as fast as transformers; {speed.agreeing[name]} of "
                f"{speed.new_tokens} tokens agree"
            )
        way = name if name in (EAGER, THEIRS) else f"{EAGER}, {name}"
        lines.append(f"    {way:30}{rate:9,.0f}  {note}".rstrip())
    for name, rate in speed.rows_tokens_per_second.items():
        together = f"{speed.rows} at once" + f", {name}" * (name != EAGER)
        note = f"{speed.rows_ratios[name]} as many as one, {EAGER}"
        lines.append(f"    {together:30}{rate:9,.0f}  {note}")
    limit = "if reading were all"
    fastest = max(rate for name, rate in speed.tokens_per_second.items() if name in FULL)
    return "\n".join(
        [
            *lines,
            f"    {limit:30}{speed.limit:9,.0f}  {speed.bytes_per_token / 1e6:.1f} MB a token; "
            f"{fastest / speed.limit:.0%} of it is reached",
        ]
    )


def remembered(report: Report) -> Iterator[str]:
    """Peak memory, a line a process."""
    yield f"{'Peak memory of a process of its own, MiB':42}{'in all':>10}{'above imports':>16}"
    for peak in report.memory:
        what = f"{peak.what} {peak.shape}, {peak.rows} row{'s' * (peak.rows > 1)}"
        yield f"  {what:40}{peak.total_mib:10,.0f}{peak.own_mib:16,.0f}"


def taught(report: Report) -> Iterator[str]:
    """The lessons that train, against their budgets."""
    yield "Lessons that train, executed in a fresh kernel"
    for lesson in report.lessons:
        yield f"  {lesson.lesson:26}{lesson.seconds:9.1f} s of {lesson.budget_seconds:.0f}"


def threads(n: int) -> str:
    """So many threads, in words."""
    return f"{n} thread{'s' * (n > 1)}"
