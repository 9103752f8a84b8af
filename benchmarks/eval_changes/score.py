"""Counting: what was found, missed, and reported in vain."""

from dataclasses import dataclass, field

from benchmarks.eval_changes.subject import Verdict


@dataclass(frozen=True)
class Truth:
    """What should be reported of a pair: whether anything, and of which type.

    `types` are those that a person may call it; none where only that it changed is known. `says`
    are words that its summary must have, such as both prices.
    """

    changed: bool
    types: tuple[str, ...] = ()
    says: tuple[str, ...] = ()


@dataclass
class Score:
    """The figures of one set, with every error by name."""

    name: str
    changed: int = 0
    unchanged: int = 0
    typed: int = 0
    missed: list[str] = field(default_factory=list)
    false_alarms: list[str] = field(default_factory=list)
    mistyped: list[str] = field(default_factory=list)

    def add(self, name: str, truth: Truth, verdict: Verdict) -> None:
        """Count one pair."""
        if not truth.changed:
            self.unchanged += 1
            if verdict.change_type is not None:
                self.false_alarms.append(f"{name}: {verdict.summary}")
            return
        self.changed += 1
        if verdict.change_type is None:
            self.missed.append(name)
        elif truth.types:
            self.typed += 1
            if verdict.change_type not in truth.types:
                wanted = " or ".join(truth.types)
                self.mistyped.append(
                    f"{name}: {verdict.change_type}, not {wanted}: {verdict.summary}"
                )
            elif not all(word in verdict.summary for word in truth.says):
                self.mistyped.append(f"{name}: not {' and '.join(truth.says)}: {verdict.summary}")

    @property
    def recall(self) -> float:
        """The share of the real changes that was reported."""
        return 1 - len(self.missed) / self.changed if self.changed else 1.0

    @property
    def precision(self) -> float:
        """The share of the reports that was about a real change."""
        reported = self.changed - len(self.missed) + len(self.false_alarms)
        return 1 - len(self.false_alarms) / reported if reported else 1.0

    @property
    def false_alarm_rate(self) -> float:
        """The share of the unchanged pages of which something was reported."""
        return len(self.false_alarms) / self.unchanged if self.unchanged else 0.0

    @property
    def type_accuracy(self) -> float:
        """The share of the reported changes of known type that were given it."""
        return 1 - len(self.mistyped) / self.typed if self.typed else 1.0

    def lines(self) -> list[str]:
        """The figures, then every error."""
        figures = (
            f"{self.name}: {self.changed} changed, {self.unchanged} unchanged;"
            f" recall {self.recall:.4f}, precision {self.precision:.4f},"
            f" false alarms {self.false_alarm_rate:.2%}"
        )
        if self.typed:
            figures += f", type right {self.type_accuracy:.3f} of {self.typed}"
        named = (
            ("missed", self.missed),
            ("false alarm", self.false_alarms),
            ("type", self.mistyped),
        )
        return [figures, *(f"  {kind}: {each}" for kind, errors in named for each in errors)]
