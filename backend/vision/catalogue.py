"""Every model that is known by name. Those beyond the default are their owners' files: none is ever downloaded here.

Hashes, sizes and conventions are those of the published files: InsightFace's model packs (release v0.7) and
`fal/AuraFace-v1`.
"""

from typing import Final

from backend.vision.conventions import ARCFACE, ARCFACE_THRESHOLDS
from backend.vision.models import SFACE, YUNET, DetectorFile, EmbedderFile

RESEARCH_ONLY: Final = "non-commercial research only"
"""What InsightFace says of the weights that it publishes; its code is MIT."""
_PACKS: Final = "InsightFace's model pack"


def _arcface(name: str, file_name: str, sha256: str, licence: str, source: str) -> EmbedderFile:
    return EmbedderFile(name, file_name, sha256, licence, source, convention=ARCFACE, thresholds=ARCFACE_THRESHOLDS)


def _scrfd(name: str, file_name: str, sha256: str, source: str) -> DetectorFile:
    return DetectorFile(
        name, file_name, sha256, RESEARCH_ONLY, source, free_image_size=True, free_batch=False, family="scrfd"
    )


W600K_R50: Final = _arcface(
    "arcface_w600k_r50",
    "w600k_r50.onnx",
    "4c06341c33c2ca1f86781dab0e829f88ad5b64be9fba56e56bc9ebdefc619e43",
    RESEARCH_ONLY,
    f"{_PACKS} buffalo_l or buffalo_m",
)
W600K_MBF: Final = _arcface(
    "arcface_w600k_mbf",
    "w600k_mbf.onnx",
    "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
    RESEARCH_ONLY,
    f"{_PACKS} buffalo_s or buffalo_sc",
)
GLINTR100: Final = _arcface(
    "arcface_glintr100",
    "glintr100.onnx",
    "4ab1d6435d639628a6f3e5008dd4f929edf4c4124b1a7169e1048f9fef534cdf",
    RESEARCH_ONLY,
    f"{_PACKS} antelopev2",
)
AURAFACE: Final = _arcface(
    "auraface_v1",
    "glintr100.onnx",
    "a7933ea5330113b01c9b60351d8f4c33003f145d8470ac5f0e52ee2effe25c60",
    "Apache-2.0",
    "fal/AuraFace-v1 on Hugging Face",
)
SCRFD_10G: Final = _scrfd(
    "scrfd_10g_kps",
    "det_10g.onnx",
    "5838f7fe053675b1c7a08b633df49e7af5495cee0493c7dcf6697200b85b5b91",
    f"{_PACKS} buffalo_l; antelopev2 has it as scrfd_10g_bnkps.onnx",
)
SCRFD_2_5G: Final = _scrfd(
    "scrfd_2.5g_kps",
    "det_2.5g.onnx",
    "041f73f47371333d1d17a6fee6c8ab4e6aecabefe398ff32cca4e2d5eaee0af9",
    f"{_PACKS} buffalo_m",
)
SCRFD_500M: Final = _scrfd(
    "scrfd_500m_kps",
    "det_500m.onnx",
    "5e4447f50245bbd7966bd6c0fa52938c61474a04ec7def48753668a9d8b4ea3a",
    f"{_PACKS} buffalo_s or buffalo_sc",
)
EMBEDDERS: Final = (*SFACE, W600K_R50, W600K_MBF, GLINTR100, AURAFACE)
DETECTORS: Final = (*YUNET, SCRFD_10G, SCRFD_2_5G, SCRFD_500M)
