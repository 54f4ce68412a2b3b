"""Calls every GET of the document through the generated client and fails unless each response parses."""

import importlib
import json
import os
import pkgutil
import sys
import time

import httpx
import linux_api_client.api
from linux_api_client import AuthenticatedClient

url, document = sys.argv[1], json.load(open(sys.argv[2], encoding="utf-8"))
client = AuthenticatedClient(
    base_url=url,
    token=os.environ["LINUX_API_KEY"],
    prefix="",
    auth_header_name="X-API-Key",
    timeout=httpx.Timeout(10),
)
# A client that waits for the end of a response can't read one that has none.
ENDLESS = {"/api/v1/system/stream", "/api/v1/system/logs/stream"}
# What a machine without systemd or a journal (a container, say) responds where it needs them.
ABSENT = {"units_unavailable", "logs_unavailable"}


def me():
    return client.get_httpx_client().get("/api/v1/user/me").json()


# What a route needs, by the names that the generator gives them.
GIVEN = {
    "user_id": me()["user_id"],
    "pid": os.getpid(),
    "username": "root",
    "name": "init.scope",
    "series": ["load.one", "filesystem.used_bytes"],
}

modules = {}
for package in pkgutil.walk_packages(linux_api_client.api.__path__, "linux_api_client.api."):
    module = importlib.import_module(package.name)
    if hasattr(module, "sync_detailed"):
        modules[package.name.rsplit(".", 1)[1]] = module

# So that the statistics have rows.
time.sleep(3)

calls, absent, problems = 0, [], []
for path, item in document["paths"].items():
    operation = item.get("get")
    if operation is None or path in ENDLESS:
        continue
    module = modules.get(operation["operationId"])
    if module is None:
        problems.append(f"{path}: the generator made no call for it")
        continue
    required = [p["name"] for p in operation.get("parameters", []) if p.get("required")]
    try:
        response = module.sync_detailed(client=client, **{name: GIVEN[name] for name in required})
    except Exception as error:  # every failure is listed, not only the first
        problems.append(f"{path}: {type(error).__name__}: {error}")
        continue
    calls += 1
    code = json.loads(response.content).get("code") if response.status_code == 503 else None
    if code in ABSENT and response.parsed is not None:
        absent.append(path)
    elif response.status_code != 200:
        problems.append(f"{path}: status {int(response.status_code)}: {response.content[:200]!r}")
    elif response.parsed is None:
        problems.append(f"{path}: nothing was parsed of {response.content[:80]!r}")

for problem in problems:
    print(f"openapi: {problem}", file=sys.stderr)
if problems or calls < 30:
    sys.exit(f"openapi: {calls} GETs were called, {len(problems)} problems")
for path in absent:
    print(f"openapi: {path} left out: this machine has no systemd or journal")
print(f"openapi: a generated Python client parses the responses of all {calls} GETs")
