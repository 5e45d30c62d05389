"""
Two models behind MLflow's own scoring server, saved and loaded by MLflow. It stops when its standard input closes.

Usage: ``python mlflow_models.py PORT FOLDER``. Each adds up the numbers of a row. ``/signed`` has a signature with the
columns a, b and c; ``/unsigned`` has none.
"""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import Any

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"  # read while it is imported

import mlflow.pyfunc
import pandas as pd
import uvicorn
from fastapi import FastAPI
from mlflow.models import ModelSignature
from mlflow.pyfunc import scoring_server
from mlflow.types import ColSpec, Schema

SIGNATURES = {"signed": ModelSignature(Schema([ColSpec("double", name) for name in "abc"])), "unsigned": None}


class Sums(mlflow.pyfunc.PythonModel):
    """Answers with the sum of each row, whatever MLflow has made of the request: a data frame, an array or a dict."""

    def predict(self, context: Any, model_input: Any, params: Any = None) -> list[float]:
        return pd.DataFrame(model_input).sum(axis="columns").tolist()


def main() -> None:
    port, folder = sys.argv[1:]
    threading.Thread(target=lambda: (os.read(0, 1), os._exit(0)), daemon=True).start()
    server = FastAPI()
    for name, signature in SIGNATURES.items():
        path = Path(folder) / name
        # Without requirements of its own, which MLflow would otherwise find by loading the model in another process.
        mlflow.pyfunc.save_model(path, python_model=Sums(), signature=signature, pip_requirements=[])
        server.mount(f"/{name}", scoring_server.init(mlflow.pyfunc.load_model(str(path))))
    uvicorn.run(server, host="127.0.0.1", port=int(port), log_level="warning")


if __name__ == "__main__":
    main()
