"""Whether the machine was quiet enough, in words."""

from collections.abc import Mapping

from carenotes.lab.study import Measured
from carenotes.lab.trust import equal_things_differ, floor_of_table
from carenotes.report.readings.reading import Reading

TOO_NOISY = 1.5  # a ratio: where equal things differ by more, most of what matters cannot be told


def noise(every: Mapping[tuple[str, str], Measured]) -> Reading:
    """The usual noise floor; a banner when it is too high for verdicts, or when equal things came out different."""
    floors = sorted(floor for floor in map(floor_of_table, every.values()) if floor)
    if not floors:
        return Reading("Too few rounds to tell noise from differences: no noise floor, and no verdict that is timed.")
    middle = floors[len(floors) // 2]
    said = f"Equal things, run under two names, differ by up to {middle:.2f}x in half of the {len(floors)} tables"
    if middle > TOO_NOISY:
        return Reading(f"✗ This machine was too noisy for verdicts. {said}; measure again on a quieter one.", "failed")
    differing = [f"{notebook[:2]} {name}" for (notebook, name), one in every.items() if equal_things_differ(one)]
    if differing:
        return Reading(f"{said}. ✗ Equal things came out different in: {', '.join(differing)}; small differences "
                       f"there are not to be believed, and decide no claim.", "failed")  # fmt: skip
    return Reading(f"{said}, {floors[-1]:.2f}x at most; in none did equal things come out different.")


def banner(one: Measured) -> str:
    """What stands under a table whose equal things came out different."""
    return "✗ Equal things came out different in this table: do not believe small differences. " if (
        equal_things_differ(one)
    ) else ""  # fmt: skip
