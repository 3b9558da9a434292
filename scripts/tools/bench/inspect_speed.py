"""The `inspect` part of scripts/bench: Cutover beside evm-proxy-detection and whatsabi, on the same addresses.

Set-ups: every proxy and every contract that is none of the fork tests of `inspect`, which deploy them on an anvil that
keeps them, assert what each runs and say so in a file. Mainnet: every proxy of the recorded blocks, at its block, from a node without eth_call.
"""
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

TOOLS = ("evm-proxy-detection", "whatsabi")


def install(root):
    """The peers, pinned, in .tools/peers."""
    tools, ours = root / ".tools/peers", root / "scripts/tools/bench/peers"
    lock = (ours / "package-lock.json").read_text()
    stamp = tools / "package-lock.json"
    if not (tools / "node_modules").exists() or stamp.read_text() != lock:
        print("bench: installing evm-proxy-detection and whatsabi into .tools/peers", file=sys.stderr)
        tools.mkdir(parents=True, exist_ok=True)
        shutil.copy(ours / "package.json", tools)
        shutil.copy(ours / "package-lock.json", tools)
        subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], cwd=tools, stdout=sys.stderr, check=True)
    return tools


def call(url, method, *params):
    body = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": list(params)}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        reply = json.load(answer)
    if "error" in reply:
        raise RuntimeError(f"{method}: {reply['error']}")
    return reply["result"]


def deploy(root, url, folder):
    """Has the fork tests deploy everything; gives, by address, what it runs (empty: it is no proxy) and its name."""
    file = pathlib.Path(folder, "setups")
    port = url.rsplit(":", 1)[1]
    command = ["cargo", "test", "--locked", "--quiet", "--package", "cutover-fork-tests", "--test", "inspect_kinds", "--", "--test-threads=1"]
    env = {**os.environ, "CUTOVER_SETUPS_PORT": port, "CUTOVER_SETUPS_FILE": str(file)}
    ran = subprocess.run(command, cwd=root, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if ran.returncode:
        raise SystemExit(f"bench: the fork tests failed\n{ran.stdout[-4000:]}")
    expected, names = {}, {}
    for line in map(json.loads, filter(str.strip, file.read_text().splitlines())):
        if "overwritten" in line:
            # The tests lie to see what is believed; the set-ups are measured as they were deployed.
            call(url, "anvil_setStorageAt", *line["overwritten"])
            continue
        runs, address = line["runs"], line["address"].lower()
        expected[address] = [a.lower() for a in runs["implementations"]] if runs else []
        names[address] = f"{runs['kind'] if runs else 'no proxy'} ({line['test']})"
    call(url, "anvil_mine")
    return expected, names


def cutover(program, url, rows):
    """One run a block; gives answers, calls, round trips and milliseconds."""
    answers, calls, trips, seconds = {}, 0, 0, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for block in sorted({block for block, _ in rows}):
            path = pathlib.Path(folder, "list")
            path.write_text("".join(f"{address}\n" for at, address in rows if at == block))
            command = [program, "inspect", "--file", path, "--block", str(block), "--json", "--rpc-url", url]
            begin = time.monotonic()
            ran = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=folder)
            seconds += time.monotonic() - begin
            if ran.returncode not in (0, 14):
                raise SystemExit(f"bench: inspect ended with {ran.returncode}: {ran.stderr}")
            for line in map(json.loads, ran.stdout.splitlines()):
                if line["line"] == "address":
                    runs = line.get("implementation", {}).get("address")
                    answers[block, line["address"].lower()] = ([runs] if runs else [], line["answer"])
            asked = re.search(r"(\d+) calls in (\d+) round trips", ran.stderr)
            calls, trips = calls + int(asked[1]), trips + int(asked[2])
    return answers, calls, trips, seconds * 1000


def peer(folder, root, url, tool, rows):
    command = ["node", root / "scripts/tools/bench/peers/peers.mjs", folder, url, tool]
    listed = json.dumps([[hex(block), address] for block, address in rows])
    ran = subprocess.run(command, input=listed, stdout=subprocess.PIPE, check=True, text=True)
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    answers = {(int(line["block"], 16), line["address"]): (line["implementations"], None) for line in lines}
    return answers, sum(line["calls"] for line in lines), sum(line["ms"] for line in lines)


def judge(rows, expected, answers):
    """How many are right, wrong and not found; naming another implementation or calling no proxy one is wrong. Of
    several that answer by selector, one is enough."""
    row = {"found": 0, "right_no": 0, "wrong": 0, "missed": 0, "could_not_tell": 0, "which": []}
    for key in rows:
        said, how = answers[key]
        said = {address.lower() for address in said}
        if how == "could-not-tell":
            verdict = "could_not_tell"
        elif not said and not expected[key]:
            verdict = "right_no"
        elif said.intersection(expected[key]):
            verdict = "found"
        else:
            verdict = "wrong" if said else "missed"
        row[verdict] += 1
        if verdict in ("wrong", "missed"):
            row["which"].append([verdict, *key])
    return row


def compare(program, folder, root, url, expected):
    rows = sorted(expected)
    answers, calls, trips, ms = cutover(program, url, rows)
    count = len(rows)
    out = {"cutover": {**judge(rows, expected, answers), "calls_per_address": calls / count, "round_trips": trips, "ms_per_address": ms / count}}
    for tool in TOOLS:
        answers, calls, ms = peer(folder, root, url, tool, rows)
        out[tool] = {**judge(rows, expected, answers), "calls_per_address": calls / count, "ms_per_address": ms / count}
    return {"addresses": count, **out}


def run(root, program, anvil, process, mainnet, data):
    """`process` and `mainnet` start a program and the node of the recorded blocks."""
    folder, out = install(root), {}
    with tempfile.TemporaryDirectory() as home:
        said = pathlib.Path(home, "out")
        command = ["sh", "-c", f"exec '{anvil}' --port 0 > '{said}'"]

        def ready():
            found = re.search(r"Listening on (127\.0\.0\.1:\d+)", said.read_text() if said.exists() else "")
            return found and f"http://{found[1]}"

        with process(command, ready) as url:
            set_ups, names = deploy(root, url, home)
            block = int(call(url, "eth_blockNumber"), 16)
            out["set_ups"] = compare(program, folder, root, url, {(block, address): runs for address, runs in set_ups.items()})
            out["set_ups"]["no_proxies"] = sum(not runs for runs in set_ups.values())
            out["set_ups"]["kinds"] = len({name.split(" (")[0] for address, name in names.items() if set_ups[address]})
            for tool in ("cutover", *TOOLS):
                for which in out["set_ups"][tool]["which"]:
                    which.append(names[which[2]])
    if data:
        index = json.loads((data / "INDEX.json").read_text())
        expected = {(b["number"], p["address"].lower()): [p["implementation"].lower()] for b in index["blocks"] for p in b["proxies"]}
        with mainnet(data) as url:
            out["mainnet"] = compare(program, folder, root, url, expected)
    return out


def show(out):
    for name, part in out.items():
        yield f"  {name}, {part['addresses']} addresses"
        yield f"    {'':20} {'found':>6} {'no, rightly':>12} {'wrong':>6} {'missed':>7} {'not told':>9} {'calls each':>11} {'ms each':>8}"
        for tool in ("cutover", *TOOLS):
            one = part[tool]
            yield (f"    {tool:20} {one['found']:6} {one['right_no']:12} {one['wrong']:6} {one['missed']:7} {one['could_not_tell']:9}"
                   f" {one['calls_per_address']:11.2f} {one['ms_per_address']:8.2f}")
        yield f"    cutover: {part['cutover']['round_trips']} round trips"
