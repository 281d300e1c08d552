import pytest

from input_pipeline.exports.splits import split_of


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("Train", "train"),
        ("instances_val2017.json", "test"),
        ("a/validation/x.json", "test"),
        ("default", ""),
        ("train_val", ""),
    ],
)
def test_the_split_is_a_word_of_the_name(name, split):
    assert split_of(name) == split
