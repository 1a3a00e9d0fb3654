"""The checks of the faster ways to attend, against the formula a head at a time in float64."""

from minillama.course.checking import oracles
from minillama.course.checking.check import Check
from minillama.course.lessons.shared.attend_probes import AXES, add_groups, add_probes, means_of
from minillama.course.lessons.shared.scores import REPEATED, family, mistakes

KNOWN = family("weights") + family("values") + family("groups")

fused_attend = Check(
    "fused_attend",
    "attention",
    mistakes=mistakes("    batch, time, keys", REPEATED, "weights @ v", KNOWN),
)
grouped_attend = Check(
    "grouped_attend",
    "attention",
    mistakes=mistakes("    (_, n_kv_heads, keys", REPEATED, "weights @ v", KNOWN),
)

for groups in (fused_attend, grouped_attend):
    add_probes(groups, means_of, oracles.attend, AXES)
    add_groups(groups)
