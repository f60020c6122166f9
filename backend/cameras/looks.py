"""What one look at a face is worth, and what several make together."""

from collections.abc import Sequence

import numpy as np

from backend.domain.face import Face, Template

GOOD_QUALITY = 0.5
"""The quality from which a look may speak for its face: below it, blurred faces begin to resemble each other.

`recognition.decision.UNUSABLE_QUALITY` has the figures; a camera has more looks to choose from than a photo.
"""
CLEAR_QUALITY = 0.8
"""The quality from which a look tells a stranger.

At 0.8 and more 0.5 % of looks are less than 0.3 alike to another photo of their person, at 0.6–0.8 2 %, at 0.5–0.6 10 %
(LFW, spoiled the same way).
"""
SURE_FACE = 0.8
"""The detector's score from which it is a face, and the whole of it.

In 23 test videos hands, lamps and photos on a fridge scored 0.60–0.80 and faces cut off by the picture's edge
0.60–0.75; of LFW's faces 99 % score 0.9 and more, and 95 % still score 0.8 when they are made as small as 20 pixels.
"""


def is_good(face: Face) -> bool:
    """Whether a look may speak for its face."""
    return face.quality.score >= GOOD_QUALITY and face.detection.score >= SURE_FACE


def is_clear(face: Face) -> bool:
    """Whether a good look is so good that a known person would be recognised by it."""
    return is_good(face) and face.quality.score >= CLEAR_QUALITY


def average(templates: Sequence[Template], weights: Sequence[float]) -> Template:
    """The weighted average of templates of one model, of length 1."""
    summed = np.asarray(weights, np.float32) @ np.stack([template.embedding for template in templates])
    return Template(summed / np.maximum(np.linalg.norm(summed), 1e-6), templates[0].model)
