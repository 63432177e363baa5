"""Compares the policies that were packaged with the guard that stands with those that are given now.

It must not ask a cloud, nor let a policy go that nobody named.
"""

import hashlib
import re

from . import release
from .calls import Wrong

NONE = "none"
NOT_KNOWN = "not known"
DIGEST = "; sha256 "
# How policies are given.
IN_THE_ZIP = "package them into the zip that is given"
AS_A_FOLDER = "give the folder that holds them with --policies"


def given(folder, archive):
    """Returns the policies that a folder or a zip brings, as a dict of names within a zip to bytes."""
    if folder:
        return {name: path.read_bytes() for name, (path, _) in release.policies_of(folder).items()}
    return release.policies_in(archive) if archive else {}


def told(policies):
    """Returns a line that names policies and ends with a digest of their names and contents."""
    if not policies:
        return NONE
    digest = hashlib.sha256(b"".join(name.encode() + b"\0" + hashlib.sha256(text).digest() for name, text in sorted(policies.items())))
    return f"{', '.join(plain(name) for name in sorted(policies))}{DIGEST}{digest.hexdigest()[:16]}"


def plain(name):
    """Returns the name of a policy's file, without the folder that it has in a zip."""
    return name.removeprefix("policies/")


def names(line):
    """Returns which policies a line names. None where it was cut, and may not name all."""
    if line == NONE:
        return []
    said, digest, _ = line.rpartition(DIGEST)
    return said.split(", ") if digest else None


def refuse_contradictions(options, now):
    """Refuses policies that are given and meant to go at once."""
    if options.no_policies and now:
        raise Wrong("`--no-policies` excludes `--policies`, and a `--zip` that holds policies")
    for name in options.drop_policy:
        if plain(name) in map(plain, now):
            raise Wrong(f"`--drop-policy {name}`: that policy is among those that are given now")


def check_unknown(options, why, now, how):
    """Refuses to bring none where nobody knows what stands, unless that is said. Returns a line that says what changes.

    `why` says why nobody knows, and `how` how policies are given.
    """
    if not (now or options.no_policies):
        raise Wrong(
            f"whether policies were packaged with the guard that stands is not known: {why}. If there were some, {how}; if there were "
            "none, or all are meant to go, say --no-policies. Nothing was deployed"
        )
    return f"Policies            {NOT_KNOWN} -> {told(now)}"


def check(options, before, now, how):
    """Refuses to lose a policy that stands unless it was named. Returns a line that says what changes, or None.

    `before` is the line of what stands, as `told` made it, and `how` says how policies are given.
    """
    after = told(now)
    if before == after:
        return None
    line = f"Policies            {before} -> {after}"
    if options.no_policies:
        return line
    were = names(before)
    if were is None:
        raise Wrong(
            f"the guard that stands was packaged with policies, and not all of their names are known: what is written down of them "
            f"({before}) ends with no digest, so it was cut or changed by hand. Remove the tag `reprieve-packaged-policies` and give "
            "all policies, or let all go with --no-policies. Nothing was deployed"
        )
    stay = {*(names(after) or []), *map(plain, options.drop_policy)}
    if missing := [name for name in were if name not in stay]:
        listed = ", ".join(f"policies/{name}" for name in missing)
        dropped = " ".join(f"--drop-policy '{name}'" if re.search(r"[^\w.-]", name) else f"--drop-policy {name}" for name in missing)
        raise Wrong(
            f"the guard that stands was packaged with policies ({before}), and not among those given now: {listed}; {how}, or they are "
            f"gone. If they are meant to go, say {dropped}. Nothing was deployed"
        )
    return line
