"""Makes the pickle fixtures with NumPy: arrays and scalars as checkpoints of training hold them."""
import os
import pickle

import numpy as np

here = os.path.dirname(os.path.abspath(__file__))
ramp = np.arange(6, dtype=np.float32).reshape(2, 3) / 4
tree = {
    "plain": ramp,
    "fortran": np.asfortranarray(ramp),
    "big": ramp.astype(">f4"),
    "half": ramp.astype(np.float16),
    "flags": np.array([True, False]),
    "none": np.zeros((0, 3), np.int64),
    "one": np.array(7, np.uint8),
    "text": np.array(["a", "bc"]),
    "best": np.float64(0.25),
    "count": np.int64(-3),
    "low": np.float16(1.5),
    "yes": np.bool_(True),
    "random": np.random.RandomState(1).get_state(),
}
for protocol in (2, 4, 5):
    with open(os.path.join(here, f"numpy_{protocol}.pkl"), "wb") as file:
        pickle.dump(tree, file, protocol)
