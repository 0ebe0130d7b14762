"""What the role `canary` says before it asks the cluster."""

import json
from typing import Any

from tests.roles.conftest import Site

PLAY = """
- name: Try a canary
  hosts: kubernetes
  gather_facts: false
  vars_files: vars/kubernetes.yml
  roles:
    - role: canary
"""


def refused(site: Site, **variables: Any) -> str:
    """Return what the role fails with, where there is no cluster at all."""
    (site.directory / "playbooks" / "try.yml").write_text(PLAY, encoding="utf-8")
    given = json.dumps({"kube_context": "nowhere", "image_reference": "app:2", **variables})
    result = site.play("playbooks/try.yml", "-i", "inventory/kubernetes", "-e", given)
    assert result.returncode != 0
    return " ".join(result.stdout.split())


def test_settings_that_make_no_sense(clean_site: Site) -> None:
    message = refused(clean_site, app_node_port="", canary_steps=[])
    assert "canary_steps: there has to be a step" in message
    assert "canary_traffic_url: it is empty, so nothing can be sent" in message


def test_address_of_the_inventory(clean_site: Site) -> None:
    file = clean_site.directory / "inventory" / "kubernetes" / "group_vars" / "kubernetes.yml"
    with file.open("a", encoding="utf-8") as variables:
        variables.write("canary_traffic_url: service.example\n")
    message = refused(clean_site)
    assert "canary_traffic_url: 'service.example' is not like http://" in message
