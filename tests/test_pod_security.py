from typing import Any

import pytest

from tests.pod_security import RULES, Object, violated

STRICT: Object = {
    "runAsNonRoot": True,
    "allowPrivilegeEscalation": False,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}


def pod(**fields: Any) -> Object:
    return {"containers": [{"securityContext": STRICT}], **fields}


def container(**fields: Any) -> Object:
    return pod(containers=[{"securityContext": STRICT, **fields}])


def context(**fields: Any) -> Object:
    return container(securityContext={**STRICT, **fields})


VIOLATIONS = {
    "host process": context(windowsOptions={"hostProcess": True}),
    "host namespaces": pod(hostPID=True),
    "privileged": context(privileged=True),
    "capabilities": context(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}),
    "volume types": pod(volumes=[{"name": "root", "hostPath": {"path": "/"}}]),
    "host ports": container(ports=[{"containerPort": 80, "hostPort": 80}]),
    "host probes": container(livenessProbe={"httpGet": {"host": "127.0.0.1"}}),
    "AppArmor": context(appArmorProfile={"type": "Unconfined"}),
    "SELinux": context(seLinuxOptions={"type": "spc_t"}),
    "proc mount": context(procMount="Unmasked"),
    "sysctls": pod(securityContext={"sysctls": [{"name": "kernel.msgmax"}]}),
    "privilege escalation": context(allowPrivilegeEscalation=True),
    "not root": context(runAsNonRoot=False),
    "user": context(runAsUser=0),
    "seccomp": context(seccompProfile={"type": "Unconfined"}),
}


def test_strict_pod_violates_nothing() -> None:
    assert violated(pod()) == []


@pytest.mark.parametrize("rule", RULES)
def test_each_rule_finds_what_violates_it(rule: str) -> None:
    assert violated(VIOLATIONS[rule]) == [rule]


@pytest.mark.parametrize("field", STRICT)
def test_what_has_to_be_said_must_not_be_missing(field: str) -> None:
    assert violated(container(securityContext={k: v for k, v in STRICT.items() if k != field}))
