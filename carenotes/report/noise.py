"""Whether the machine was quiet enough, in words."""

from collections.abc import Mapping

from carenotes.lab.runner.measured import Measured
from carenotes.lab.statistics.difference import aa_noise, identical_differ
from carenotes.lab.statistics.estimates import FEWEST_ROUNDS
from carenotes.report.finding import Finding

TOO_NOISY = 1.1  # a ratio, the narrowest that claims are judged by: where A/A noise exceeds it, few can be decided


def noise(every: Mapping[tuple[str, str], Measured]) -> Finding:
    """The usual A/A noise; a banner when it is too high for verdicts, or when identical conditions came out different.

    Experiments of too few rounds for an interval are left out.
    """
    enough = [one for one in every.values() if one.samples["round"].nunique() >= FEWEST_ROUNDS]
    found = sorted(ratio for ratio in map(aa_noise, enough) if ratio)
    if not found:
        return Finding("Too few rounds to tell noise from differences: no A/A noise, and no verdict that is timed.")
    middle = found[len(found) // 2]
    said = f"Identical conditions, run twice, differ by {middle:.2f}x or less in half of the {len(found)} tables"
    if middle > TOO_NOISY:
        return Finding(f"✗ This machine was too noisy for verdicts. {said}; measure again on a quieter one.", "failed")
    differing = [f"{notebook[:2]} {name}" for (notebook, name), one in every.items() if identical_differ(one)]
    if differing:
        return Finding(f"{said}. ✗ Identical conditions came out different in: {', '.join(differing)}; small "
                       f"differences there are not to be believed.", "failed")  # fmt: skip
    return Finding(f"{said}, by {found[-1]:.2f}x at most; in none did identical conditions come out different.")


def banner(one: Measured) -> str:
    """What stands under a table whose identical conditions came out different."""
    return "✗ Identical conditions came out different in this table: do not believe small differences. " if (
        identical_differ(one)
    ) else ""  # fmt: skip
