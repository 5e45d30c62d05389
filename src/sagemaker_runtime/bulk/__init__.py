"""
Many records through an endpoint.

`invoke_many` takes any iterable of inputs, and gives what became of each. It calls as many at once as the endpoint takes,
which a `KneeLimit` finds out.
"""

from __future__ import annotations

from sagemaker_runtime.bulk.failures import is_about_run
from sagemaker_runtime.bulk.many import invoke_many
from sagemaker_runtime.bulk.retryer import PatientRetryer
from sagemaker_runtime.bulk.workload import Result

__all__ = ["PatientRetryer", "Result", "invoke_many", "is_about_run"]
