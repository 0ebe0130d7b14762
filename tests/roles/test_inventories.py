"""Playbooks that are for one kind of environment, and the inventory that they are given."""

import pytest

from tests.conftest import ROOT
from tests.roles.conftest import run


@pytest.mark.parametrize("playbook", ["canary", "deploy", "promote", "render", "rollback"])
def test_playbook_for_a_cluster_says_that_there_is_none(playbook: str) -> None:
    result = run(["ansible-playbook", f"playbooks/{playbook}.yml"], ROOT, 0)
    assert result.returncode != 0
    assert "This playbook is for a cluster, and the inventory has none" in result.stdout
    assert "-i inventory/kubernetes" in result.stdout
