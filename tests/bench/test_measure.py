"""What wrk prints is read as it is meant, and what was not answered stops the measurement."""

import pytest

from bench.measure import Load, parsed

OUTPUT = """Running 3s test @ http://127.0.0.1:40001/predict
  1 threads and 16 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency     1.21ms    0.59ms   9.62ms   88.93%
    Req/Sec    13.58k     1.02k   15.13k    70.00%
  Latency Distribution
     50%  {p50}
     75%    1.33ms
     90%    1.73ms
     99%  {p99}
  40000 requests in 3.00s, 30.11MB read
{more}Requests/sec:  13333.33
Transfer/sec:     10.03MB
"""


@pytest.mark.parametrize(
    ("p50", "p99", "expected"),
    [("62.00us", "3.38ms", (0.062, 3.38)), ("1.20ms", "1.05s ", (1.2, 1050))],
)
def test_times_are_milliseconds_whatever_their_unit(
    p50: str, p99: str, expected: tuple[float, float]
) -> None:
    load = parsed(OUTPUT.format(p50=p50, p99=p99, more=""), used=2.8)
    assert load == Load(13333.33, *expected, cost=load.cost)
    assert load.cost == pytest.approx(70)


@pytest.mark.parametrize(
    "more",
    ["  Non-2xx or 3xx responses: 7\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n"],
)
def test_an_answer_that_fails_stops_the_measurement(more: str) -> None:
    with pytest.raises(RuntimeError, match=more.split(":")[0].strip()):
        parsed(OUTPUT.format(p50="1.00ms", p99="2.00ms", more=more), used=1)
