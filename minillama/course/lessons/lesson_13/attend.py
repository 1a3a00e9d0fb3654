"""The checks of the faster ways to attend, against the formula a head at a time in float64."""

from minillama.course.checking import oracles
from minillama.course.checking.check import Check
from minillama.course.lessons.shared.attend_probes import AXES, add_groups, add_probes, means_of
from minillama.course.lessons.shared.scores import REPEATED, family, mistakes

known = REPEATED, "weights @ v", family("weights") + family("values") + family("groups")
fused = mistakes("    batch, time, keys", *known)
fused_attend = Check("fused_attend", "attention", mistakes=fused)
grouped = mistakes("    (_, n_kv_heads, keys", *known)
grouped_attend = Check("grouped_attend", "attention", mistakes=grouped)

for check in (fused_attend, grouped_attend):
    add_probes(check, means_of, oracles.attend, AXES)
    add_groups(check)
