"""Where the time of a graph goes, by operator: `operators.py MODEL.onnx [NAME=SIZE…]`.

Runs a graph that `export` has written in ONNX Runtime with its profiler, dimensions without a size as
given, and prints each operator's share of the time. `THREADS` (2) threads, `ROUNDS` (10) runs.
"""
import collections
import json
import os
import sys

import numpy as np
import onnxruntime as ort

TYPES = {"tensor(float)": "f4", "tensor(uint8)": "u1", "tensor(int32)": "i4", "tensor(int64)": "i8", "tensor(float16)": "f2"}


def main(path, sizes):
    options = ort.SessionOptions()
    options.enable_profiling = True
    options.profile_file_prefix = "/tmp/operators"
    options.intra_op_num_threads = int(os.environ.get("THREADS", 2))
    session = ort.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    given = {}
    for i in session.get_inputs():
        shape = [d if isinstance(d, int) else sizes.get(d, 1) for d in i.shape]
        given[i.name] = np.zeros(shape, TYPES[i.type])
        print(f"{i.name}: {i.shape} as {shape}")
    rounds = int(os.environ.get("ROUNDS", 10))
    for _ in range(rounds):
        session.run(None, given)
    log = session.end_profiling()
    with open(log) as file:
        events = json.load(file)
    os.remove(log)
    spent = collections.Counter()
    for event in events:
        if event.get("cat") == "Node" and event["name"].endswith("_kernel_time"):
            spent[event["args"]["op_name"]] += event["dur"]
    total = sum(spent.values())
    print(f"{total / rounds / 1000:.1f} ms a run")
    for name, time in spent.most_common(9):
        print(f"{100 * time / total:5.1f} %  {name}")


if __name__ == "__main__":
    main(sys.argv[1], {name: int(size) for name, size in (a.split("=") for a in sys.argv[2:])})
