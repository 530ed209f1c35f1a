"""Reads each dashboard into Grafana's own models and writes it again: what is missing or different then
is what Grafana would ignore without a word."""
import json
import sys
from pathlib import Path

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models.dashboard import Dashboard


def lost(ours, theirs, at=""):
    """The places of `ours` that `theirs` lacks or has otherwise."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key in theirs:
                yield from lost(value, theirs[key], f"{at}.{key}")
            # A value that is nothing may be left out.
            elif value is not None:
                yield f"{at}.{key} = {json.dumps(value)[:80]} is lost"
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for place, (left, right) in enumerate(zip(ours, theirs)):
            yield from lost(left, right, f"{at}[{place}]")
    elif ours != theirs:
        yield f"{at} = {json.dumps(ours)[:80]} becomes {json.dumps(theirs)[:80]}"


def main(folder):
    register_default_plugins()
    files = sorted(Path(folder).glob("*.json"))
    if not files:
        sys.exit(f"no dashboards in {folder}")
    faults = []
    for file in files:
        ours = json.loads(file.read_text())
        theirs = json.loads(json.dumps(Dashboard.from_json(ours), cls=JSONEncoder))
        faults += [f"{file.name}{fault}" for fault in lost(ours, theirs)]
    print("\n".join(faults))
    if faults:
        sys.exit(f"{len(faults)} differences")
    print(f"round trip: {len(files)} dashboards, nothing is lost")


main(sys.argv[1])
