"""The Pod Security Standard `restricted`, rule by rule.

https://kubernetes.io/docs/concepts/security/pod-security-standards/
"""

from collections.abc import Callable, Iterator
from typing import Any

Object = dict[str, Any]
Rule = Callable[[Object], bool]

VOLUMES = {
    "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim",
    "projected", "secret",
}  # fmt: skip
SYSCTLS = {
    "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
    "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
    "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
    "net.ipv4.tcp_keepalive_probes",
}  # fmt: skip
SELINUX_TYPES = {
    None, "", "container_t", "container_init_t", "container_kvm_t", "container_engine_t"
}  # fmt: skip
PROFILES = ("RuntimeDefault", "Localhost")
HANDLERS = ("livenessProbe", "readinessProbe", "startupProbe")


def containers(pod: Object) -> list[Object]:
    kinds = ("initContainers", "containers", "ephemeralContainers")
    return [container for kind in kinds for container in pod.get(kind, [])]


def contexts(pod: Object) -> list[Object]:
    """Return the security context of the pod and of each of its containers."""
    return [each.get("securityContext", {}) for each in (pod, *containers(pod))]


def effective(pod: Object, field: str) -> list[Any]:
    """Return what holds for each container: its own, or else the pod's."""
    default = pod.get("securityContext", {}).get(field)
    return [each.get("securityContext", {}).get(field, default) for each in containers(pod)]


def handlers(container: Object) -> Iterator[Object]:
    yield from (container[name] for name in HANDLERS if name in container)
    yield from container.get("lifecycle", {}).values()


RULES: dict[str, Rule] = {
    "host process": lambda pod: (
        not any(c.get("windowsOptions", {}).get("hostProcess") for c in contexts(pod))
    ),
    "host namespaces": lambda pod: (
        not any(pod.get(name) for name in ("hostNetwork", "hostPID", "hostIPC"))
    ),
    "privileged": lambda pod: not any(c.get("privileged") for c in contexts(pod)),
    "capabilities": lambda pod: all(
        "ALL" in (own := c.get("securityContext", {}).get("capabilities", {})).get("drop", [])
        and set(own.get("add", [])) <= {"NET_BIND_SERVICE"}
        for c in containers(pod)
    ),
    "volume types": lambda pod: all(set(v) - {"name"} <= VOLUMES for v in pod.get("volumes", [])),
    "host ports": lambda pod: (
        not any(port.get("hostPort") for c in containers(pod) for port in c.get("ports", []))
    ),
    "host probes": lambda pod: (
        not any(
            handler.get(kind, {}).get("host")
            for c in containers(pod)
            for handler in handlers(c)
            for kind in ("httpGet", "tcpSocket")
        )
    ),
    "AppArmor": lambda pod: all(
        c.get("appArmorProfile", {}).get("type", "RuntimeDefault") in PROFILES
        for c in contexts(pod)
    ),
    "SELinux": lambda pod: all(
        (options := c.get("seLinuxOptions", {})).get("type") in SELINUX_TYPES
        and not options.get("user")
        and not options.get("role")
        for c in contexts(pod)
    ),
    "proc mount": lambda pod: all(
        c.get("procMount", "Default") == "Default" for c in contexts(pod)
    ),
    "sysctls": lambda pod: all(
        sysctl["name"] in SYSCTLS for c in contexts(pod) for sysctl in c.get("sysctls", [])
    ),
    "privilege escalation": lambda pod: all(
        c.get("securityContext", {}).get("allowPrivilegeEscalation") is False
        for c in containers(pod)
    ),
    "not root": lambda pod: all(value is True for value in effective(pod, "runAsNonRoot")),
    "user": lambda pod: all(c.get("runAsUser") != 0 for c in contexts(pod)),
    "seccomp": lambda pod: all(
        (profile or {}).get("type") in PROFILES for profile in effective(pod, "seccompProfile")
    ),
}


def violated(pod: Object) -> list[str]:
    """Return the rules that the spec of a pod violates."""
    return [name for name, holds in RULES.items() if not holds(pod)]
