import assert from "node:assert/strict";
import { findPython } from "#testing/python.ts";
import { needing } from "#testing/shared.ts";
import { convertTensor } from "../../formats/tensor_convert.ts";
import { type Tensor, tensor } from "../../tensor.ts";
import { knownWork, runAll } from "../../testing/batch_work.ts";

const python = findPython("webdataset", "pyarrow", "duckdb", "datasets");

/** A tensor of a dtype with a column, what NumPy, Arrow and DuckDB call it, and its numbers as text. */
interface Case {
  readonly written: Tensor;
  readonly names: readonly [numpy: string, arrow: string, duckdb: string];
  readonly numbers?: readonly (number | bigint)[];
}

const HALVES = [-65504, 2 ** -24, 0.5];

/** The least and the largest of whole numbers, and floats that need all of their bits. */
const CASES: Readonly<Record<string, Case>> = {
  bool: {
    written: tensor("BOOL", [3], Uint8Array.of(1, 0, 1)),
    names: ["bool", "bool", "BOOLEAN[]"],
  },
  u8: {
    written: tensor("U8", [3], Uint8Array.of(0, 1, 255)),
    names: ["uint8", "uint8", "UTINYINT[]"],
  },
  i8: {
    written: tensor("I8", [3], Int8Array.of(-128, 0, 127)),
    names: ["int8", "int8", "TINYINT[]"],
  },
  u16: {
    written: tensor("U16", [3], Uint16Array.of(0, 1, 65535)),
    names: ["uint16", "uint16", "USMALLINT[]"],
  },
  i16: {
    written: tensor("I16", [3], Int16Array.of(-32768, 0, 32767)),
    names: ["int16", "int16", "SMALLINT[]"],
  },
  u32: {
    written: tensor("U32", [3], Uint32Array.of(0, 1, 2 ** 32 - 1)),
    names: ["uint32", "uint32", "UINTEGER[]"],
  },
  i32: {
    written: tensor("I32", [3], Int32Array.of(-(2 ** 31), 0, 2 ** 31 - 1)),
    names: ["int32", "int32", "INTEGER[]"],
  },
  u64: {
    written: tensor("U64", [3], BigUint64Array.of(0n, 1n, 2n ** 64n - 1n)),
    names: ["uint64", "uint64", "UBIGINT[]"],
  },
  i64: {
    written: tensor("I64", [3], BigInt64Array.of(-(2n ** 63n), 0n, 2n ** 63n - 1n)),
    names: ["int64", "int64", "BIGINT[]"],
  },
  f16: {
    written: tensor("F16", [3], Float16Array.from(HALVES)),
    names: ["float16", "float", "FLOAT[]"],
  },
  bf16: {
    written: convertTensor(tensor("F32", [3], Float32Array.of(-(2 ** 100), 1.0078125, 0)), "BF16"),
    names: ["float32", "float", "FLOAT[]"],
    numbers: [-(2 ** 100), 1.0078125, 0],
  },
  f32: {
    written: tensor("F32", [3], Float32Array.of(-(2 ** 127), 1 + 2 ** -23, 2 ** -149)),
    names: ["float32", "float", "FLOAT[]"],
  },
  f64: {
    written: tensor("F64", [3], Float64Array.of(-1e300, 1 + 2 ** -52, 5e-324)),
    names: ["float64", "double", "DOUBLE[]"],
  },
};

/** Reads every tensor by all; numbers as text, since JSON's would be rounded. */
const READ = `
import json, sys
import datasets, duckdb, pyarrow.parquet, webdataset
datasets.disable_progress_bars()
folder, cache, *names = sys.argv[1:]
text = lambda values: [repr(value) for value in values]
shard = f"{folder}/webdataset/shard-00000.tar"
[sample] = webdataset.WebDataset(shard, shardshuffle=False).decode()
parquet = f"{folder}/parquet/shard-00000.parquet"
table = pyarrow.parquet.read_table(parquet)
db = duckdb.connect()
hub = datasets.load_dataset("parquet", data_files=parquet, split="train", cache_dir=cache)
tars = datasets.load_dataset("webdataset", data_files=shard, split="train", cache_dir=cache)
found = {}
for name in names:
    array = sample[name + ".npy"]
    [(kind, values)] = db.sql(f"select typeof({name}), {name} from '{parquet}'").fetchall()
    found[name] = {
        "names": [str(array.dtype), str(table.schema.field(name).type.value_type), kind],
        "webdataset": text(array.tolist()),
        "pyarrow": text(table.column(name)[0].as_py()),
        "duckdb": text(values),
        "datasets, parquet": text(hub[0][name]),
        "datasets, webdataset": text(tars[0][name + ".npy"]),
    }
print(json.dumps(found))
`;

/** A number as it is, whoever wrote it: whole ones by their digits. */
function exact(text: string): number | bigint {
  if (text === "True" || text === "False") return text === "True" ? 1 : 0;
  return /^-?\d+$/.test(text) ? BigInt(text) : Number(text);
}

Deno.test({
  ...needing("webdataset, pyarrow, duckdb and datasets read every dtype that is written", {
    "webdataset, pyarrow, duckdb and datasets for Python": python !== undefined,
  }),
  async fn() {
    const folder = await Deno.makeTempDir();
    try {
      const tensors = Object.fromEntries(
        Object.entries(CASES).map(([name, { written }]) => [name, written]),
      );
      const work = knownWork({ run: () => Promise.resolve({ tensors, fields: {} }) });
      for (const format of ["webdataset", "parquet"] as const) {
        const items = ReadableStream.from([{ key: "one", source: "one" }]);
        await runAll({ output: `${folder}/${format}`, format, items }, work);
      }
      const { stdout, stderr, success } = await new Deno.Command(python!, {
        args: ["-c", READ, folder, `${folder}/cache`, ...Object.keys(CASES)],
        env: { HF_HUB_OFFLINE: "1", HF_DATASETS_OFFLINE: "1" },
      }).output();
      assert.ok(success, new TextDecoder().decode(stderr));
      const found = JSON.parse(new TextDecoder().decode(stdout));
      for (
        const [name, { written, names, numbers = Array.from<number | bigint>(written.data) }]
          of Object.entries(CASES)
      ) {
        const { names: said, ...readers } = found[name];
        assert.deepEqual(said, names, name);
        for (const [reader, texts] of Object.entries<string[]>(readers)) {
          const isWhole = /^[UI]/.test(written.dtype);
          const expected = isWhole ? numbers.map(BigInt) : numbers.map(Number);
          assert.deepEqual(texts.map(exact), expected, `${name} by ${reader}`);
        }
      }
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
});
