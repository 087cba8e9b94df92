"""Words for where cameras look: compass directions are read, names of places are not."""

import pytest

from safetynet.city.ingest.facing import EIGHTH_SD_DEG, QUARTER_SD_DEG, Facing, read_facing


@pytest.mark.parametrize(
    ("text", "directions"),
    [
        ("북", (0.0,)),
        ("동쪽", (90.0,)),
        ("남서측", (225.0,)),
        ("서남 방향", (225.0,)),
        ("동, 서", (90.0, 270.0)),
        ("남북", (180.0, 0.0)),
        ("동 및 북서", (90.0, 315.0)),
        ("ＮＥ", (45.0,)),
    ],
)
def test_compass_words_are_directions(text: str, directions: tuple[float, ...]) -> None:
    assert read_facing(text) == Facing(directions)


@pytest.mark.parametrize("text", ["360도전방면", "360°", "전방위", "동서남북", "회전형", "사방"])
def test_all_round_is_a_hint_and_no_direction(text: str) -> None:
    assert read_facing(text) == Facing(all_round=True)


@pytest.mark.parametrize(
    "text", ["", "-", "정문", "남산방면", "서울역 방향", "동작대로", "동쪽 골목", "북촌", "서초역"]
)
def test_anything_else_says_nothing(text: str) -> None:
    assert read_facing(text) == Facing()


def test_a_word_for_an_eighth_of_the_compass_is_the_surer_one() -> None:
    assert Facing().sd_deg(90.0) == QUARTER_SD_DEG
    assert Facing().sd_deg(135.0) == EIGHTH_SD_DEG < QUARTER_SD_DEG
