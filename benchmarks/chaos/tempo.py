"""How fast a run asks, and looks."""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True)
class Tempo:
    """Pauses, in seconds."""

    ask: float
    """The longest one between two requests for jobs, once there are enough."""

    look: float
    """Between two looks at jobs or lists."""

    follow: float
    """Between two looks at the slow job."""

    between_slow: float
    """Between two slow jobs."""

    delays: float
    """How many times its crawl delay a site with one is left alone."""


BRISK: Final = Tempo(ask=2.0, look=0.1, follow=0.05, between_slow=0, delays=1)
CALM: Final = Tempo(ask=4.0, look=2.0, follow=0.5, between_slow=20, delays=10)
"""For hours."""
