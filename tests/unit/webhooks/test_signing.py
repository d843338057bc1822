"""Signatures: the published example, and secrets that follow from the installation's key."""

import base64
from uuid import UUID, uuid4

import pytest

from app.webhooks.signing import secret_of, shown, signature_header

PUBLISHED_SECRET = "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
PUBLISHED = {"webhook_id": "msg_p5jXN8AQM9LWM0D4loKWxJek", "timestamp": 1614265330, "body": b'{"test": 2432232314}'}
KEY = "k" * 32


def test_the_example_of_the_reference_libraries_is_signed_as_they_do() -> None:
    header = signature_header([base64.b64decode(PUBLISHED_SECRET)], **PUBLISHED)  # type: ignore[arg-type]
    assert header == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_secret_signs_in_the_order_given() -> None:
    one, two = b"1" * 32, b"2" * 32
    both = signature_header([one, two], **PUBLISHED)  # type: ignore[arg-type]
    alone = [signature_header([each], **PUBLISHED) for each in (one, two)]  # type: ignore[arg-type]
    assert both == " ".join(alone)


def test_a_secret_belongs_to_its_endpoint_its_salt_and_the_installation() -> None:
    endpoint_id = uuid4()
    secret = secret_of(KEY, endpoint_id, b"salt")
    assert len(secret) == 32
    assert secret == secret_of(KEY, endpoint_id, b"salt")
    others = [secret_of("j" * 32, endpoint_id, b"salt"), secret_of(KEY, uuid4(), b"salt")]
    assert secret not in [*others, secret_of(KEY, endpoint_id, b"another")]


def test_a_secret_is_shown_as_receivers_take_it() -> None:
    assert shown(b"\x00" * 32) == "whsec_" + base64.b64encode(b"\x00" * 32).decode()


def test_an_installation_without_a_key_makes_no_secrets() -> None:
    with pytest.raises(ValueError, match="SWITCHBOARD_SECRET_KEY"):
        secret_of("", UUID(int=1), b"salt")
