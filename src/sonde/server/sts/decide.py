"""Reading trust policies, and whether one trusts a job. Pure, and total: whatever the file holds, the answer is a reason.

What is not understood denies: an unknown key is an invalid policy, since it may be a misspelled restriction.
"""

import re
from collections.abc import Mapping
from typing import Any

import yaml

from sonde.server.sts.model import CAP, Invalid, Policy

POLICY_NAME = re.compile(r"[a-z0-9-]{1,64}")
REPOSITORY = re.compile(r"[A-Za-z0-9_.-]{1,100}/[A-Za-z0-9_.-]{1,100}")
OWNED = re.compile(r"repo:[^*/]+/")  # so that no pattern reaches into another owner's repositories
MAX_FILE = 64 * 1024  # characters
TEXTS = ("issuer", "subject", "subject_pattern", "audience")
KEYS = frozenset({"$schema", "allow", "claim_pattern", "permissions", *TEXTS})
WHO = ("allow", "subject", "subject_pattern")


def policy_path(name: str) -> str:
    """Where a policy lies in the source repository."""
    return f".atmos/pro/sts/{name}.yaml"


def parse(text: str) -> Policy | Invalid:
    """A policy file's text as a policy."""
    if len(text) > MAX_FILE:
        return Invalid(f"it has more than {MAX_FILE} characters")
    try:
        node = yaml.compose(text, Loader=yaml.BaseLoader)
        if twice := _twice(node):
            return Invalid(f"line {twice.start_mark.line + 1}: {twice.value} stands there twice")
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - BaseLoader makes only text, lists and maps
    except (yaml.YAMLError, RecursionError, ValueError, TypeError) as error:
        return Invalid(f"it is not valid YAML: {error}")
    return _policy(document)


def _twice(node: Any) -> yaml.ScalarNode | None:
    """A key that a mapping, or one directly in it, has twice: YAML would silently take the last."""
    if not isinstance(node, yaml.MappingNode):
        return None
    for mapping in (node, *(value for _, value in node.value if isinstance(value, yaml.MappingNode))):
        seen: set[str] = set()
        for key, _ in mapping.value:
            if isinstance(key, yaml.ScalarNode) and key.value in seen:
                return key
            seen.add(str(key.value))
    return None


def _policy(document: Any) -> Policy | Invalid:
    if not isinstance(document, dict):
        return Invalid("it is not a mapping")
    if unknown := sorted(str(key) for key in set(document) - KEYS):
        return Invalid(f"{unknown[0]} is no key of a policy")
    if len([name for name in WHO if name in document]) != 1:
        return Invalid(f"exactly one of {', '.join(WHO)} must be there")
    if wrong := next((name for name in TEXTS if name in document and not _text(document[name])), ""):
        return Invalid(f"{wrong} must be text that is not empty")
    permissions, claims = document.get("permissions", dict(CAP)), document.get("claim_pattern", {})
    problem = _who_problem(document) or _permissions_problem(permissions) or _claims_problem(claims)
    if problem:
        return Invalid(problem)
    texts = {name: document[name] for name in TEXTS if name in document}
    return Policy(permissions, tuple(document.get("allow", ())), claim_pattern=claims, **texts)


def _text(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _who_problem(document: Mapping[str, Any]) -> str:
    if "allow" in document:
        allow = document["allow"]
        named = isinstance(allow, list) and allow and all(_text(one) and REPOSITORY.fullmatch(one) for one in allow)
        return "" if named else "allow must be a list of OWNER/REPOSITORY"
    if "issuer" not in document:
        return "issuer must be there beside subject or subject_pattern"
    if "*" in document.get("subject", ""):
        return "subject is compared as it is; with * it must be a subject_pattern"
    if "subject_pattern" in document and not OWNED.match(document["subject_pattern"]):
        return "subject_pattern must begin with repo:OWNER/ without a * before that slash"
    return ""


def _permissions_problem(permissions: Any) -> str:
    if not isinstance(permissions, dict) or not permissions:
        return "permissions must be a mapping that is not empty"
    beyond = sorted(str(name) for name, level in permissions.items() if CAP.get(name) != level)
    return f"permissions.{beyond[0]}: only contents: read and metadata: read are ever given" if beyond else ""


def _claims_problem(claims: Any) -> str:
    if not isinstance(claims, dict) or not all(_text(name) and _text(glob) for name, glob in claims.items()):
        return "claim_pattern must map names of claims to patterns"
    return ""


def denied(policy: Policy, claims: Mapping[str, Any]) -> str:
    """Which rule of the policy the job does not meet; empty where it is trusted."""
    subject, issuer = _claim(claims, "sub"), _claim(claims, "iss").rstrip("/")
    rules = {
        "allow": not policy.allow or _claim(claims, "repository").lower() in {one.lower() for one in policy.allow},
        "issuer": not policy.issuer or policy.issuer.rstrip("/") == issuer,
        "subject": not policy.subject or policy.subject == subject,
        "subject_pattern": not policy.subject_pattern or matches(policy.subject_pattern, subject),
        "audience": not policy.audience or policy.audience in _audiences(claims),
    }
    for name, glob in policy.claim_pattern.items():
        rules[f"claim_pattern.{name}"] = name in claims and matches(glob, _claim(claims, name))
    return next((name for name, met in rules.items() if not met), "")


def _claim(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    return value if isinstance(value, str) else "" if value is None else str(value)


def _audiences(claims: Mapping[str, Any]) -> list[str]:
    value = claims.get("aud")
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def matches(pattern: str, text: str) -> bool:
    """Whether the whole text fits; `*` stands for any text, also none, and nothing else is special.

    Each part between stars is looked for once, from left to right, so that no pattern takes long.
    """
    first, *parts = pattern.split("*")
    if not parts:
        return text == pattern
    last = parts.pop()
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    at, end = len(first), len(text) - len(last)
    for part in parts:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True
