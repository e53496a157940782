/**
 * Records as the rows of a parquet file: `key`, the fields as columns of texts, doubles and booleans,
 * and for each tensor a list of its elements in C order, beside a list of its axes in `NAME_shape`.
 * bfloat16 is widened to float32, which holds the same values.
 *
 * @module
 */
import { TransportError } from "../../errors.ts";
import { lazyPart } from "../../parts/load.ts";
import { encodeSafetensors, readSafetensors } from "../../safetensors.ts";
import type { DType, Tensor } from "../../tensor.ts";
import { PARQUET_WRITER } from "../../parts/batch_parts.ts";
import type { BatchRecord } from "../record.ts";
import { widened } from "./tar_records.ts";

/** An element of a parquet schema. */
export interface SchemaElement {
  /** Name of the column, or of a node above one. */
  readonly name: string;
  /** Physical type of a column. */
  readonly type?: "BOOLEAN" | "INT32" | "INT64" | "FLOAT" | "DOUBLE" | "BYTE_ARRAY";
  /** What its values mean. */
  readonly converted_type?:
    | ("UTF8" | "LIST")
    | ("INT_8" | "INT_16" | "UINT_8" | "UINT_16" | "UINT_32" | "UINT_64");
  /** Whether it may be absent, or repeat. */
  readonly repetition_type?: "REQUIRED" | "REPEATED";
  /** Nodes below it. */
  readonly num_children?: number;
}

/** What we use of hyparquet-writer. */
export interface ParquetModule {
  /** Writes row groups. */
  readonly ParquetWriter: new (options: {
    // deno-lint-ignore no-explicit-any -- what `fileWriter` makes, and nobody else looks into
    writer: any;
    schema: SchemaElement[];
    statistics?: boolean;
  }) => {
    write(options: {
      columnData: { name: string; data: unknown[] }[];
      rowGroupSize?: number;
    }): void | Promise<void>;
    finish(): void | Promise<void>;
  };
  /** Writes into a file. */
  readonly fileWriter: (path: string) => unknown;
}

const loadWriter = lazyPart<ParquetModule>(PARQUET_WRITER);

/** Bytes of records in a row group: what is in memory at once is ten times as much. */
const GROUP_BYTES = 8 << 20;

/** Name under which the fields lie in the metadata of a record that waits to become a row. */
const FIELDS = "fields";

/** A record as it waits to become a row. */
export function encodeRow({ tensors, fields }: BatchRecord): Uint8Array {
  const entries = Object.entries(tensors).map(([name, t]) => [name, widened(t)]);
  return encodeSafetensors(Object.fromEntries(entries), { [FIELDS]: JSON.stringify(fields) });
}

function decodeRow(bytes: Uint8Array): BatchRecord {
  const { tensors, metadata } = readSafetensors(bytes);
  const names = [...tensors.keys()].sort();
  return {
    tensors: Object.fromEntries(names.map((name) => [name, tensors.get(name)!])),
    fields: JSON.parse(metadata.get(FIELDS) ?? "{}"),
  };
}

/** How elements are stored; dtypes that are not here have no column of theirs. */
const ELEMENTS: { readonly [D in DType]?: Omit<SchemaElement, "name"> } = {
  BOOL: { type: "BOOLEAN" },
  U8: { type: "INT32", converted_type: "UINT_8" },
  I8: { type: "INT32", converted_type: "INT_8" },
  U16: { type: "INT32", converted_type: "UINT_16" },
  I16: { type: "INT32", converted_type: "INT_16" },
  U32: { type: "INT32", converted_type: "UINT_32" },
  I32: { type: "INT32" },
  U64: { type: "INT64", converted_type: "UINT_64" },
  I64: { type: "INT64" },
  F16: { type: "FLOAT" },
  F32: { type: "FLOAT" },
  F64: { type: "DOUBLE" },
};

const FIELD_TYPES: Readonly<Record<string, Omit<SchemaElement, "name">>> = {
  string: { type: "BYTE_ARRAY", converted_type: "UTF8" },
  number: { type: "DOUBLE" },
  boolean: { type: "BOOLEAN" },
};

const REQUIRED = { repetition_type: "REQUIRED" } as const;

function listOf(name: string, element: Omit<SchemaElement, "name">): SchemaElement[] {
  return [
    { name, ...REQUIRED, num_children: 1, converted_type: "LIST" },
    { name: "list", repetition_type: "REPEATED", num_children: 1 },
    { name: "element", ...REQUIRED, ...element },
  ];
}

/** The columns of records like this one. */
function schemaOf({ tensors, fields }: BatchRecord): SchemaElement[] {
  const names = ["key", ...Object.keys(fields)];
  const scalars = names.map((name): SchemaElement => {
    return { name, ...REQUIRED, ...FIELD_TYPES[typeof (fields[name] ?? "")] };
  });
  const lists = Object.entries(tensors).flatMap(([name, { dtype }]) => {
    const element = ELEMENTS[dtype];
    if (element === undefined) {
      throw new TransportError(
        "unsupported",
        `Cannot write ${name} as parquet: its dtype is ${dtype}`,
      );
    }
    return [...listOf(name, element), ...listOf(`${name}_shape`, { type: "INT32" })];
  });
  const columns = scalars.length + 2 * Object.keys(tensors).length;
  return [{ name: "root", num_children: columns }, ...scalars, ...lists];
}

/** What a record looks like: all of a file look alike. */
function formOf({ tensors, fields }: BatchRecord): string {
  const forms = Object.entries(tensors).map(([name, { dtype }]) => [name, dtype]);
  return JSON.stringify([
    forms,
    Object.entries(fields).map(([name, value]) => [name, typeof value]),
  ]);
}

interface Row extends BatchRecord {
  readonly key: string;
}

/** The elements of a tensor as the writer takes them: numbers, or booleans. */
function elementsOf({ dtype, data }: Tensor): unknown[] {
  return dtype === "BOOL" ? Array.from(data as Uint8Array, Boolean) : Array.from<unknown>(data);
}

function columnsOf(rows: readonly Row[]): { name: string; data: unknown[] }[] {
  const [first] = rows;
  const { fields = {}, tensors = {} } = first ?? {};
  const column = (name: string, value: (row: Row) => unknown) => ({ name, data: rows.map(value) });
  return [
    column("key", ({ key }) => key),
    ...Object.keys(fields).map((name) => column(name, (row) => row.fields[name])),
    ...Object.keys(tensors).flatMap((name) => [
      column(name, (row) => elementsOf(row.tensors[name]!)),
      column(`${name}_shape`, (row) => [...row.tensors[name]!.shape]),
    ]),
  ];
}

/**
 * Writes a file of records that wait to become rows.
 *
 * @throws {TransportError} `unsupported` where a dtype has no column, or records do not look alike.
 */
export async function writeParquet(
  path: string,
  records: AsyncIterable<readonly [key: string, bytes: Uint8Array]>,
): Promise<void> {
  const { ParquetWriter, fileWriter } = await loadWriter();
  let writer: InstanceType<typeof ParquetWriter> | undefined;
  let form: string | undefined;
  let rows: Row[] = [];
  let held = 0;
  const flush = async () => {
    await writer?.write({ columnData: columnsOf(rows), rowGroupSize: rows.length });
    [rows, held] = [[], 0];
  };
  for await (const [key, bytes] of records) {
    const row = { key, ...decodeRow(bytes) };
    form ??= formOf(row);
    if (formOf(row) !== form) throw unlike(key, form, formOf(row));
    writer ??= new ParquetWriter({ writer: fileWriter(path), schema: schemaOf(row) });
    rows.push(row);
    if ((held += bytes.length) >= GROUP_BYTES) await flush();
  }
  if (rows.length > 0) await flush();
  await writer?.finish();
}

function unlike(key: string, expected: string, found: string): TransportError {
  return new TransportError(
    "unsupported",
    `Cannot write ${key} as parquet: found the columns ${found}, expected ${expected}`,
  );
}
