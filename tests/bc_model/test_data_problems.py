"""Problems as text: each where it is, and many of a kind in one line."""

from bc_model.data_problems import DataError, Problem


def test_a_few_problems_are_listed_one_a_line() -> None:
    error = DataError("a.csv", [Problem(0, "", "x"), Problem(0, "c", "y"), Problem(3, "", "z")])
    assert str(error) == "a.csv: 3 problems\n  x\n  column 'c': y\n  line 3: z"


def test_many_of_a_kind_are_one_line_with_the_first_places() -> None:
    kind = [Problem(line, "c", "is not a number", repr(f"{line}x")) for line in range(2, 571)]
    error = DataError("a.csv", [*kind, Problem(4, "", "has 2 cells")])
    assert str(error).splitlines() == [
        "a.csv: 570 problems",
        "  is not a number, 569 times; first on line 2, column 'c': '2x'; "
        "line 3, column 'c': '3x'; line 4, column 'c': '4x'",
        "  line 4: has 2 cells",
    ]


def test_many_columns_of_a_line_are_all_named() -> None:
    error = DataError("a.csv", [Problem(1, name, "is missing") for name in "abcde"])
    assert str(error).splitlines()[1:] == [
        "  line 1: is missing, 5 columns: 'a', 'b', 'c', 'd', 'e'"
    ]
    error = DataError("a.csv", [Problem(0, name, "is 0 in every case") for name in "abcd"])
    assert str(error).splitlines()[1:] == ["  is 0 in every case, 4 columns: 'a', 'b', 'c', 'd'"]
