/** A command of two models. */
import { command, operands, print, runCommand, text } from "@vcs/transport/internal";
import { modelCommands } from "../command/model_commands.ts";
import { type Model, ModelCatalog } from "../store.ts";

function model(name: string, bytes: number, about: string): Model {
  const file = `${name}-12345678.th`;
  const url = `https://models.example/${file}`;
  return {
    ...{ name, bytes, about, aliases: [] },
    files: [{ file, url, sha256: "12345678", cache: "torch" }],
  };
}

const SHAPES = new Map([["conv.weight", [8, 4, 3]], ["conv.bias", [8]], ["out.weight", [1, 8]]]);

const models = new ModelCatalog([
  { ...model("soft", 1.5e6, "a little"), tensors: () => Promise.resolve(SHAPES) },
  model("hard", 3.1e9, "a lot"),
]);

await runCommand(command({
  name: "denoise",
  about: "denoise words",
  operands: { words: operands(text("WORD"), "what is denoised") },
  run: ({ operands: { words } }) => Promise.resolve(print(`denoised ${words.join(" ")}`)),
  commands: modelCommands(models),
}));
