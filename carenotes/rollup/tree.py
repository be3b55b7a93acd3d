"""The tree over time: which days a node covers, its number, and the few nodes that make up a period.

A leaf is a day, by its ordinal (1 is 0001-01-01). A node of a level covers `FANOUT` nodes of the level below it, the
first of which has a number that `FANOUT` divides; so where a node begins depends on no data.
"""

import json
from collections.abc import Iterable, Iterator
from datetime import date, datetime, time

FANOUT = 4  # chosen by benchmarks/rollups.py: see `fan_outs` there
TOP = 6  # the highest level, of 4,096 days: all days that there are have 892 of them
FIRST_DAY, LAST_DAY = date.min.toordinal(), date.max.toordinal()
_BITS = 22  # of a node's place within its level: there are 3,652,059 days
_PLACE = (1 << _BITS) - 1

Span = tuple[int, int]  # the first and the last of consecutive days


def number(level: int, place: int) -> int:
    """The number of the node at a place of its level, counted from day 0 on; a leaf's is its day."""
    return level << _BITS | place


def every(node: int) -> int:
    """The number of the same node for all facilities together. It is below 0, and `every` gives back the first."""
    return ~node


def level_of(node: int) -> int:
    """The level of a node, by its number of either kind."""
    return (node if node >= 0 else ~node) >> _BITS


def days_of(node: int) -> Span:
    """The days of a node, by its number of either kind; some of them may lie before or after all that there are."""
    plain = node if node >= 0 else ~node
    width = FANOUT ** (plain >> _BITS)
    return (plain & _PLACE) * width, ((plain & _PLACE) + 1) * width - 1


def parent(node: int) -> int:
    """The number of the node above one, which is below the top level; both for a facility."""
    return number((node >> _BITS) + 1, (node & _PLACE) // FANOUT)


def children(node: int) -> range:
    """The numbers of the nodes under one, which is no leaf; all for a facility."""
    first = number((node >> _BITS) - 1, (node & _PLACE) * FANOUT)
    return range(first, first + FANOUT)


def cover(spans: Iterable[Span]) -> list[int]:
    """The fewest nodes that cover the days of disjoint spans and no other day."""
    return [node for first, last in spans for node in _cover(first, last + 1)]


def _cover(low: int, high: int) -> Iterator[int]:
    for level in range(TOP):
        if low >= high:
            return
        inner, outer = -(-low // FANOUT), high // FANOUT
        if inner >= outer:  # no node of the next level is whole within them
            yield from range(number(level, low), number(level, high))
            return
        yield from range(number(level, low), number(level, inner * FANOUT))
        yield from range(number(level, outer * FANOUT), number(level, high))
        low, high = inner, outer
    yield from range(number(TOP, low), number(TOP, high))


def merged(spans: Iterable[Span]) -> list[Span]:
    """The same days as disjoint spans that do not touch, in order."""
    found: list[Span] = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = (found[-1][0], max(last, found[-1][1]))
        else:
            found.append((first, last))
    return found


def without(span: Span, spans: Iterable[Span]) -> list[Span]:
    """What is left of a span without others, which are merged."""
    left, (first, last) = [], span
    for taken_first, taken_last in spans:
        if first < taken_first:
            left.append((first, min(last, taken_first - 1)))
        first = max(first, taken_last + 1)
        if first > last:
            break
    if first <= last:
        left.append((first, last))
    return left


def moments(span: Span) -> tuple[datetime, datetime]:
    """The first and the last microsecond of some days; days before and after all that there are, are left out."""
    first, last = (date.fromordinal(min(max(day, 1), LAST_DAY)) for day in span)
    return datetime.combine(first, time.min), datetime.combine(last, time.max)


def as_times(spans: Iterable[Span]) -> str:
    """Spans of days as a JSON list of first and last moments: what `Spans` takes."""
    times = (moments(one) for one in spans)
    return json.dumps([[one.isoformat(" ", "microseconds") for one in pair] for pair in times])
