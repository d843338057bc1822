"""An account's own texts are refused when they could not be sent as they stand."""

import pytest
from pydantic import ValidationError

from app.channels.acknowledgement.settings import MAX_TEXT_CHARACTERS, MAX_TEXTS, Acknowledgement


@pytest.mark.parametrize(
    ("texts", "complaint"),
    [
        ({"en": "Hello {name}"}, "{name} is no placeholder"),
        ({"en": "Hello {due.year}"}, "{due.year} is no placeholder"),
        ({"en": "Hello {}"}, "{} is no placeholder"),
        ({"en": "Hello {due"}, "a brace stands alone"),
        ({"en": "Hello {{due}}"}, "a brace stands alone"),
        ({"en": "   "}, "at least 1 character"),
        ({"en": "a\0b"}, "match pattern"),
        ({"en": "a" * (MAX_TEXT_CHARACTERS + 1)}, "at most"),
        ({"english language": "Hello"}, "match pattern"),
        ({f"en-{number}": "Hello" for number in range(MAX_TEXTS + 1)}, "at most"),
    ],
)
def test_a_text_that_could_not_be_sent_is_refused(texts: dict[str, str], complaint: str) -> None:
    with pytest.raises(ValidationError, match=complaint.replace("{", r"\{")):
        Acknowledgement.model_validate({"texts": texts})


def test_outside_hours_is_the_default_and_both_placeholders_may_stand() -> None:
    saved = Acknowledgement.model_validate({"texts": {"en": "{name_of_brand}: {due}"}})
    assert saved.model_dump() == {"when": "outside_hours", "texts": {"en": "{name_of_brand}: {due}"}}
