"""Signatures of webhooks, by the specification's own package and by its own example."""

from datetime import UTC, datetime

import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from core.alerts.signing import new_secret, signature_headers

BODY = '{"event_type":"ping","data":{"success":true},"größe":1}'.encode()


def test_the_signature_is_that_of_the_packages_own() -> None:
    secret, now = new_secret(), datetime.now(UTC).replace(microsecond=0)
    headers = signature_headers("msg_1", now, BODY, [secret])
    assert headers["webhook-signature"] == Webhook(secret).sign("msg_1", now, BODY.decode())
    assert headers["webhook-timestamp"] == str(int(now.timestamp()))
    Webhook(secret).verify(BODY, headers)


def test_the_signature_is_that_of_the_example_of_the_specification() -> None:
    secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    body = b'{"test": 2432232314}'
    at = datetime.fromtimestamp(1614265330, UTC)
    headers = signature_headers("msg_p5jXN8AQM9LWM0D4loKWxJek", at, body, [secret])
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_of_a_rotation_either_secret_verifies_and_no_other() -> None:
    new, old = new_secret(), new_secret()
    headers = signature_headers("msg_1", datetime.now(UTC), BODY, [new, old])
    for secret in (new, old):
        Webhook(secret).verify(BODY, headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(BODY, headers)


def test_a_secret_is_random_and_as_long_as_the_specification_asks_for() -> None:
    assert new_secret() != new_secret()
    assert len(new_secret()) == len("whsec_") + 44
