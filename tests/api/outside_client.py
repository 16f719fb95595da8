"""Another program that uses the API and knows nothing of the dashboard: `outside_client.py ADDRESS ZIP`.

It predicts and evaluates all images of the ZIP, explains one, says that one answer is right, and prints what it learned.
"""

from __future__ import annotations

import json
import sys
import time
import zipfile
from pathlib import Path
from typing import Any

import httpx

AT_ONCE = 100  # images in a request


def predict(api: httpx.Client, archive: zipfile.ZipFile) -> list[dict[str, Any]]:
    """The answers for all files, in their order."""
    names = [name for name in archive.namelist() if not name.endswith("/")]
    found: list[dict[str, Any]] = []
    for begin in range(0, len(names), AT_ONCE):
        files = [("files", (name, archive.read(name))) for name in names[begin : begin + AT_ONCE]]
        found += api.post("/predict", files=files).raise_for_status().json()["predictions"]
    return found


def evaluate(api: httpx.Client, path: str) -> dict[str, Any]:
    """The evaluation of the ZIP, once it has finished, with its rows."""
    with Path(path).open("rb") as file:
        run = api.post("/evaluations", files={"file": file}).raise_for_status().json()
    while run["state"] in ("waiting", "running"):
        time.sleep(0.2)
        run = api.get(f"/evaluations/{run['id']}").raise_for_status().json()
    rows: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"limit": 1000}
    while True:
        page = api.get(f"/evaluations/{run['id']}/rows", params=asked).raise_for_status().json()
        rows += page["rows"]
        if page["next_cursor"] is None:
            break
        asked["cursor"] = page["next_cursor"]
    report = api.get(f"/evaluations/{run['id']}/report", params={"format": "html"}).raise_for_status().text
    return {**run, "rows": rows, "report": report}


def history(api: httpx.Client) -> list[dict[str, Any]]:
    """The predictions that were made one by one, the newest first."""
    found: list[dict[str, Any]] = []
    asked: dict[str, Any] = {"source": "api", "limit": 1000}
    while True:
        page = api.get("/history", params=asked).raise_for_status().json()
        found += page["predictions"]
        if page["next_cursor"] is None:
            return found
        asked["cursor"] = page["next_cursor"]


def main() -> None:
    """Prints JSON."""
    address, path = sys.argv[1:]
    with httpx.Client(base_url=f"{address}/api/v1", timeout=120) as api, zipfile.ZipFile(path) as archive:
        predictions = predict(api, archive)
        name = predictions[0]["file"]
        explained = api.post("/explain", files={"files": (name, archive.read(name))}).raise_for_status().json()
        right = {"prediction_id": predictions[0]["prediction_id"], "is_right": True}
        api.post("/feedback", json=right).raise_for_status()
        record = {
            "predictions": predictions, "explained": explained, "evaluation": evaluate(api, path), "history": history(api),
            "feedback": api.get("/feedback").raise_for_status().json(),
        }  # fmt: skip
    print(json.dumps(record))


if __name__ == "__main__":
    main()
