#!/usr/bin/env bash
# Asserts which crate may know which: the house of the README, read from `cargo metadata`.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo metadata --format-version 1 --no-deps --offline 2>/dev/null | python3 -c '
import json, sys

verbs = {"inspect", "record", "check", "replay", "propose", "rollout"}
ground = {"artifacts", "chain", "evm"}
may = {"types": set(), "report": {"types"}}
may |= {name: {"types"} for name in ground}
may |= {name: {"types"} | ground for name in verbs}
may |= {name: {"types"} for name in ("check", "propose")}        # pure: values in, values out
may["cutover"] = {"types", "report"} | ground | verbs
# Outside crates that only one of ours may name.
only = {"foundry-compilers": {"artifacts"}, "revm": {"evm"}, "revm-inspectors": {"evm"},
        "clap": {"cutover"}, "eyre": {"cutover"}, "indicatif": {"cutover"},
        "reqwest": {"chain"}, "axum": {"chain"}, "alloy": {"chain", "rollout"}}
pure = {"types", "check", "propose", "report"}
effects = {"tokio", "reqwest", "axum", "tempfile", "alloy", "futures"}

short = lambda name: name.removeprefix("cutover-")
wrong = []
for package in json.load(sys.stdin)["packages"]:
    name = short(package["name"])
    if name == "fork-tests":
        continue
    for dependency in package["dependencies"]:
        if dependency["kind"] is not None:  # tests and build scripts may know anything
            continue
        other = dependency["name"]
        if other.startswith("cutover-") and short(other) not in may.get(name, set()):
            wrong.append(f"{name} must not know {short(other)}")
        if other in only and name not in only[other]:
            wrong.append(f"{name} must not name {other}")
        if name in pure and other in effects:
            wrong.append(f"{name} is pure and must not name {other}")
print("\n".join(wrong) or "arrows: every one points down")
sys.exit(bool(wrong))
'
