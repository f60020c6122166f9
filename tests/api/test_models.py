"""The models as the API tells of them."""

import httpx

from tests.api.test_metrics import samples


def test_the_models_are_listed_with_what_answers(api: httpx.Client) -> None:
    reply = api.get("/v1/models").raise_for_status().json()
    in_use = {entry["role"]: entry["model"] for entry in reply["models"] if entry["in_use"]}
    assert in_use == {"embedder": "sface_2021dec_int8bq", "detector": "yunet_2023mar_int8bq"}
    gallery = reply["gallery"]
    assert (gallery["model"], gallery["serving"]) == (in_use["embedder"], in_use["embedder"])
    assert (gallery["total"], gallery["need_new_photos"]) == (0, [])


def test_a_gallery_that_is_made_anew_is_counted(api: httpx.Client) -> None:
    told = samples(api)
    assert [told["face_server_reembedding", state] for state in ("done", "waiting", "lost")] == [0, 0, 0]
