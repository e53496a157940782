#!/bin/bash
# A batch over sixteen tasks of Slurm: sbatch examples/archive/slurm.sh songs codes
# The same line again goes on where it ended; `encodec-stream merge codes` proves that all are there.
# What is to run after it takes --dependency=afterany: a task with a failed item has exit code 1.
#SBATCH --job-name=codes
#SBATCH --array=0-15
#SBATCH --cpus-per-task=4
#SBATCH --requeue
set -euo pipefail
# The part follows from SLURM_ARRAY_TASK_ID and _COUNT. Exit code 1 says that items failed
# (failures-*.jsonl), or that the batch could not go on; either way --requeue starts nothing again.
# `merge` distinguishes them: it counts failed items, and names parts that are missing.
encodec-stream batch "$1" -o "$2" --format webdataset --threads "$SLURM_CPUS_PER_TASK"
