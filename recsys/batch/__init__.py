"""Recommend to every user, offline: plan -> run -> commit, resumable part by part."""

from __future__ import annotations

from recsys.batch.manifest import Manifest, Part
from recsys.batch.memory import parse_memory
from recsys.batch.plan import JobPlan, plan_job
from recsys.batch.run import JobResult, run_job

__all__ = ["JobPlan", "JobResult", "Manifest", "Part", "parse_memory", "plan_job", "run_job"]
