"""KServe's own server with ONNX Runtime behind it: serves the folders that `export` writes.

Usage: server.py PORT FOLDER
"""

import glob
import os
import sys

import kserve
import numpy
import onnxruntime
from kserve.protocol.infer_type import InferOutput, InferResponse
from kserve.utils.utils import from_np_dtype

NUMPY = {"tensor(float)": "float32", "tensor(float16)": "float16", "tensor(double)": "float64"}


def described(values):
    """Names, types and shapes as the protocol has them; open axes are -1."""
    result = []
    for value in values:
        name = NUMPY.get(value.type) or value.type[len("tensor(") : -1]
        shape = [size if isinstance(size, int) else -1 for size in value.shape]
        datatype = from_np_dtype(numpy.dtype(name))
        result.append({"name": value.name, "datatype": datatype, "shape": shape})
    return result


class Graph(kserve.Model):
    """One graph."""

    def __init__(self, name, path):
        super().__init__(name)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(
            path, options, providers=["CPUExecutionProvider"]
        )
        self.ready = True

    def get_input_types(self):
        return described(self.session.get_inputs())

    def get_output_types(self):
        return described(self.session.get_outputs())

    def predict(self, payload, headers=None, response_headers=None):
        feeds = {value.name: value.as_numpy() for value in payload.inputs}
        names = [output.name for output in payload.request_outputs or []] or None
        names = names or [output.name for output in self.session.get_outputs()]
        outputs = []
        for name, array in zip(names, self.session.run(names, feeds)):
            output = InferOutput(name, list(array.shape), from_np_dtype(array.dtype))
            output.set_data_from_numpy(array, binary_data=True)
            outputs.append(output)
        return InferResponse(payload.id or "0", self.name, outputs, use_binary_outputs=True)


if __name__ == "__main__":
    port, folder = sys.argv[1:]
    models = [
        Graph(os.path.basename(path), glob.glob(f"{path}/1/*.onnx")[0])
        for path in sorted(glob.glob(f"{folder}/*"))
    ]
    kserve.ModelServer(http_port=int(port), enable_grpc=False, workers=1).start(models)
