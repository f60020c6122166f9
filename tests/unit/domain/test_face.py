"""Templates know their model."""

import numpy as np
import pytest

from backend.domain.errors import ModelMismatch
from backend.domain.face import Template
from tests.unit.notifications.situations import a_look


def test_templates_of_two_models_are_never_compared() -> None:
    with pytest.raises(ModelMismatch) as refused:
        a_look(model="one").similarity(a_look(model="two"))
    assert refused.value.details == {"expected": "one", "actual": "two"}


@pytest.mark.parametrize(("degrees", "cosine"), [(0, 1.0), (60, 0.5), (90, 0.0), (180, -1.0)])
def test_similarity_is_the_cosine_of_the_angle(degrees: float, cosine: float) -> None:
    assert a_look(0).similarity(a_look(degrees)) == pytest.approx(cosine, abs=1e-6)


def test_no_template_is_more_alike_than_itself() -> None:
    slightly_long = Template(np.array([1.0000001, 0], np.float32), "model")
    assert slightly_long.similarity(slightly_long) == 1.0
