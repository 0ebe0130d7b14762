"""Logs of pods that were killed hold more than the service's lines."""

from pathlib import Path

from scripts.soak import read_logs


def test_logs_are_read_past_lines_that_are_not_the_services(tmp_path: Path) -> None:
    answered = '{"message":"request","path":"/predict","status":200,"request_id":"soak-1"}'
    cut_off, of_kubectl = answered[:-9], "rpc error: code = Unknown desc = No such container"
    refused = answered.replace("200", "422")
    lines = [answered, '{"message":"Started server process"}', refused, of_kubectl, "", cut_off]
    (tmp_path / "pod-a.log").write_text("\n".join(lines))
    (tmp_path / "pod-b.log").write_text(answered.replace("soak-1", "other-2"))
    ids, others = read_logs(tmp_path)
    assert ids == ["soak-1", "other-2"]
    assert others == [f"log of pod-a: {line}" for line in (of_kubectl, "", cut_off)]
