"""Makes the npy, npz and safetensors fixtures with NumPy and the safetensors package."""
import json
import os

import numpy as np
from safetensors.numpy import save_file

here = os.path.dirname(os.path.abspath(__file__))


def path(name):
    return os.path.join(here, name)


ramp = np.arange(12, dtype=np.float32).reshape(3, 4) / 8
arrays = {
    "numpy_f32": ramp,
    "numpy_bool": np.array([True, False, True]),
    "numpy_i64_scalar": np.int64(-5),
    "numpy_u16_empty": np.zeros((0, 7), np.uint16),
    "numpy_f16": ramp.astype(np.float16),
    "numpy_c64": (ramp + 1j * ramp[::-1]).astype(np.complex64),
}
for name, array in arrays.items():
    np.save(path(f"{name}.npy"), np.asarray(array))
np.save(path("numpy_fortran.npy"), np.asfortranarray(ramp))
np.save(path("numpy_big_endian.npy"), ramp.astype(">f4"))
np.savez(path("numpy_stored.npz"), ramp=ramp, ints=np.arange(5))
np.savez_compressed(path("numpy_deflated.npz"), ramp=ramp, ints=np.arange(5))
save_file(
    {
        "z": ramp,
        "a": np.arange(3, dtype=np.uint8),
        "half": ramp.astype(np.float16),
        "long": np.arange(-2, 3),
        "10": np.array([1.5], np.float64),
        "flag": np.array([[True], [False]]),
        "none": np.zeros((2, 0), np.int32),
    },
    path("python.safetensors"),
    {"format": "np", "note": "caf\u00e9"},
)
