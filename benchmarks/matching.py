"""Time to match a thousand alerts with ten thousand changes: `python -m benchmarks.matching`."""

import random
import resource
import time
from uuid import UUID

from core.alerts.rules import AlertRule, ChangeFacts, RuleIndex, Words, WordsOfChange
from core.changes.rules import ChangeType, Severity
from core.web.page_types import PageType

ALERTS, CHANGES, DOMAINS = 1_000, 10_000, 200


def main() -> None:
    """Print the time, how many pairs match, and the memory of the process."""
    chance = random.Random(1)
    domains = [UUID(int=n) for n in range(DOMAINS)]
    types, pages, severities = list(ChangeType), list(PageType), list(Severity)
    for share in (0.0, 0.8):
        rules = [
            (
                AlertRule(
                    domain_ids=tuple(chance.sample(domains, 3))
                    if chance.random() < share
                    else None,
                    page_types=(chance.choice(pages),),
                    change_types=(chance.choice(types),) if number % 2 else None,
                    min_severity=chance.choice(severities),
                    price_percent=5 if number % 5 == 0 else None,
                    words=Words(appear=("free plan",)) if number % 7 == 0 else None,
                ),
                number,
            )
            for number in range(ALERTS)
        ]
        changes = [
            ChangeFacts(
                domain_id=chance.choice(domains),
                page_id=UUID(int=number),
                page_type=chance.choice(pages),
                tags=frozenset(),
                change_type=chance.choice(types),
                severity=chance.choice(severities),
                confidence=0.9,
                price_steps=(0.1,),
                words=WordsOfChange("all plans have support", "a free plan is new " * 20),
            )
            for number in range(CHANGES)
        ]
        index, began = RuleIndex(rules), time.process_time()
        found = sum(len(list(index.matching(each))) for each in changes)
        seconds = time.process_time() - began
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(f"{share:.0%} name domains: {seconds:.2f} s CPU, {found} matches, {memory:.0f} MiB")


if __name__ == "__main__":
    main()
