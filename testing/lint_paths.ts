/**
 * A rule of `deno lint`: URLs of modules become paths by `fileURLToPath`, and paths become
 * URLs by `pathToFileURL`. In a URL, blanks and letters like é are escaped, and on
 * Windows its path starts with `/C:`; a `?`, `#` or `%` in a path means something else there.
 *
 * @module
 */

type Node = Deno.lint.Node;

const TO_PATH =
  "The path of a module's URL is not a file path: use fileURLToPath(), import.meta.filename or import.meta.dirname";
const TO_URL = "A path is not part of a URL as it is: use pathToFileURL()";

function nameOf({ computed, property }: Deno.lint.MemberExpression): string | undefined {
  return !computed && property.type === "Identifier" ? property.name : undefined;
}

/** The text of a module's URL: `import.meta.url`, `import.meta.resolve("…")`, `….href`. */
function isAddress(node: Node, known: ReadonlySet<string>): boolean {
  if (node.type === "CallExpression") {
    const { callee } = node;
    return callee.type === "MemberExpression" && callee.object.type === "MetaProperty" &&
      nameOf(callee) === "resolve";
  }
  if (node.type !== "MemberExpression") return false;
  if (node.object.type === "MetaProperty") return nameOf(node) === "url";
  return nameOf(node) === "href" && isUrl(node.object, known);
}

/** A URL that was made of a module's URL, or a constant of that name. */
function isUrl(node: Node, known: ReadonlySet<string>): boolean {
  if (node.type === "Identifier") return known.has(node.name);
  return node.type === "NewExpression" &&
    node.arguments.some((argument) => isAddress(argument, known) || isUrl(argument, known));
}

function create(context: Deno.lint.RuleContext): Deno.lint.LintVisitor {
  const known = new Set<string>();
  return {
    VariableDeclarator({ id, init }) {
      if (!init || !isUrl(init, known)) return;
      if (id.type === "Identifier") known.add(id.name);
      if (id.type !== "ObjectPattern" || !/\bpathname\b/.test(context.sourceCode.getText(id))) {
        return;
      }
      context.report({ node: id, message: TO_PATH });
    },
    MemberExpression(node) {
      const isPath = nameOf(node) === "pathname" && isUrl(node.object, known);
      if (isPath || isAddress(node.object, known)) context.report({ node, message: TO_PATH });
    },
    TemplateLiteral(node) {
      const { quasis: [first], expressions } = node;
      if (expressions.length === 0 || !/^file:\/*$/i.test(first?.cooked ?? "")) return;
      context.report({ node, message: TO_URL });
    },
  };
}

const plugin: Deno.lint.Plugin = { name: "vcs", rules: { "file-path": { create } } };

export default plugin;
