"""Measures how far changes can be trusted. `make eval-changes`; exit 1 when a goal is missed.

The real pairs need a Debian machine that reaches its package archive; they are skipped elsewhere.
"""

import argparse
import sys
from pathlib import Path

from benchmarks.eval_changes import debian, labelled, reported, sequences
from benchmarks.eval_changes.score import Score
from benchmarks.eval_changes.subject import Subject

GOALS = {
    "real": (0.99, 0.005),
    "labelled": (0.98, 0.01),
    "sequences": (1.0, 0.0),
    "reported": (1.0, 0.0),
}
"""The least recall and the highest share of false alarms, by set."""

TYPES_RIGHT = 0.9


def reached(score: Score, goal: tuple[float, float]) -> bool:
    """Whether the score is as good as asked."""
    recall, false_alarms = goal
    return (
        score.recall >= recall
        and score.false_alarm_rate <= false_alarms
        and score.type_accuracy >= TYPES_RIGHT
    )


def tell(score: Score, goal: tuple[float, float]) -> None:
    """Print the figures and every error."""
    print("\n".join(score.lines()))
    if not reached(score, goal):
        print(f"  goal missed: recall {goal[0]}, false alarms {goal[1]:.1%}")


def main() -> None:
    """Print the figures and every error of each set."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "diffy-eval-changes")
    parser.add_argument("--without-packages", action="store_true", help="leave out the real pairs")
    arguments = parser.parse_args()
    subject = Subject()
    results = [
        (labelled.measure(subject), GOALS["labelled"]),
        (sequences.measure(subject), GOALS["sequences"]),
        (reported.measure(subject), GOALS["reported"]),
    ]
    for score, goal in results:
        tell(score, goal)
    if not arguments.without_packages:
        for package in debian.measure(subject, arguments.cache):
            tell(package.site, GOALS["real"])
            # What a page tells by itself is for comparison: it is crawled with its site.
            print(package.pages.lines()[0])
            results.append((package.site, GOALS["real"]))
    clock = subject.clock
    print(
        f"{clock.pairs} pairs, {1000 * clock.seconds / clock.pairs:.1f} ms each"
        f" (both pages read and compared), slowest {1000 * clock.slowest:.0f} ms"
    )
    sys.exit(0 if all(reached(score, goal) for score, goal in results) else 1)


if __name__ == "__main__":
    main()
