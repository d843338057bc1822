"""What a remedy says of money."""

import pytest
from pydantic import ValidationError

from app.sla.duties.schemas import RemedyIn


@pytest.mark.parametrize("sum_", ["0.01", "0.10", "1", "10.5", "999999999999.99"])
def test_a_sum_of_money_is_a_text(sum_: str) -> None:
    assert RemedyIn.model_validate({"kind": "refund", "amount": sum_}).amount == sum_


@pytest.mark.parametrize(
    "sum_",
    ["-1", "0", "0.00", "1.005", "1e3", "+1", "1_0", "007", "1.", ".5", "1000000000000", "٣", "NaN", "1\n", 10.5],
)
def test_what_is_no_sum_of_money_is_refused_as_the_document_says(sum_: object) -> None:
    with pytest.raises(ValidationError):
        RemedyIn.model_validate({"kind": "refund", "amount": sum_})
