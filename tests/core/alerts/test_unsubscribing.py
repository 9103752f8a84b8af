"""Who a link to unsubscribe is about, and which workflows may be signalled."""

from uuid import uuid4

import pytest

from core.alerts.signal_targets import SignalTargets
from core.alerts.unsubscribing import unsubscribe_token, unsubscribed_by
from core.errors import NotFound
from core.web.secrets import SecretBox

BOX = SecretBox("k" * 40)


def test_a_link_is_about_one_channel_and_one_address_and_stays_the_same() -> None:
    channel_id, address = uuid4(), "jörg.o'neill+diffy@shop.example"
    token = unsubscribe_token(BOX, channel_id, address)
    assert token == unsubscribe_token(BOX, channel_id, address)
    assert unsubscribed_by(BOX, token) == (channel_id, address)
    assert token.isascii()
    assert "/" not in token


def test_a_link_that_was_not_made_here_is_not_valid() -> None:
    token = unsubscribe_token(BOX, uuid4(), "a@shop.example")
    channel, named, proof = token.split(".")
    other = unsubscribe_token(BOX, uuid4(), "b@shop.example").split(".")
    for forged in (
        "",
        "x",
        "..",
        f"{channel}.{other[1]}.{proof}",
        f"{other[0]}.{named}.{proof}",
        f"{channel}.{named}.{proof[:-1]}",
        f"{channel}.{named}.ü",
        f"{channel}.ü.{proof}",
        f"{channel}.{named}!.{proof}",
        f"x.{named}.{proof}",
        unsubscribe_token(SecretBox("o" * 40), uuid4(), "a@shop.example"),
    ):
        with pytest.raises(NotFound):
            unsubscribed_by(BOX, forged)


@pytest.mark.parametrize(
    ("targets", "workflow_id", "queue", "allowed"),
    [
        ("", "reprice", "pricing", False),
        (" , ", "reprice", "pricing", False),
        ("reprice", "reprice", "any", True),
        ("reprice", "reprice-2", "any", False),
        ("other, pricing-*", "pricing-eu", "any", True),
        ("pricing-*", "reprice", "pricing-1", False),
        ("*", "reprice", "any", True),
        ("queue:pricing", "reprice", "pricing", True),
        ("queue:pricing", "reprice", "other", False),
        ("queue:pricing", "reprice", None, True),
        ("reprice", "other", None, False),
    ],
)
def test_only_workflows_that_the_operator_names_are_signalled(
    targets: str, workflow_id: str, queue: str | None, allowed: bool
) -> None:
    found = SignalTargets(targets)
    assert found.allow(workflow_id, queue) is allowed
    assert found.is_empty is (not targets.strip(" ,"))
