/** The tree of a parsed template. `at` is the offset in the source that Go reports in errors. */
export type Node =
  | { kind: "text"; at: number; text: string }
  | { kind: "action"; at: number; pipe: Pipe }
  | Control<"if">
  | Control<"with">
  | Control<"range">
  | { kind: "template"; at: number; name: string; pipe: Pipe | undefined }
  | { kind: "break" | "continue"; at: number };

/** A clause with a body and perhaps an else. */
export interface Control<Kind extends string> {
  kind: Kind;
  at: number;
  pipe: Pipe;
  body: Node[];
  otherwise: Node[] | undefined;
}

export interface Pipe {
  kind: "pipe";
  at: number;
  /** Names of the variables that take the value, with their `$`. */
  variables: string[];
  /** True for `=`, false for `:=`. */
  isAssignment: boolean;
  commands: CommandNode[];
}

export interface CommandNode {
  kind: "command";
  at: number;
  args: Operand[];
}

export type Operand =
  | { kind: "dot"; at: number }
  | { kind: "nil"; at: number }
  | { kind: "bool"; at: number; value: boolean }
  | { kind: "number"; at: number; text: string; value: number }
  | { kind: "string"; at: number; text: string; value: string }
  | { kind: "identifier"; at: number; name: string }
  | { kind: "field"; at: number; fields: string[] }
  | { kind: "variable"; at: number; name: string; fields: string[] }
  | { kind: "chain"; at: number; operand: Operand | Pipe; fields: string[] }
  | Pipe;

/** The source text of a node as Go writes it in errors. */
export function nodeText(node: Node | Operand | CommandNode): string {
  switch (node.kind) {
    case "dot":
      return ".";
    case "nil":
      return "nil";
    case "bool":
      return String(node.value);
    case "number":
    case "string":
      return node.text;
    case "identifier":
      return node.name;
    case "field":
      return node.fields.map((field) => `.${field}`).join("");
    case "variable":
      return [node.name, ...node.fields].join(".");
    case "chain": {
      const inner = node.operand.kind === "pipe" ? `(${nodeText(node.operand)})` : nodeText(node.operand);
      return inner + node.fields.map((field) => `.${field}`).join("");
    }
    case "pipe": {
      const variables =
        node.variables.length > 0 ? `${node.variables.join(", ")} ${node.isAssignment ? "=" : ":="} ` : "";
      return variables + node.commands.map(nodeText).join(" | ");
    }
    case "command":
      return node.args.map((arg) => (arg.kind === "pipe" ? `(${nodeText(arg)})` : nodeText(arg))).join(" ");
    case "text":
      return node.text;
    case "action":
      return `{{${nodeText(node.pipe)}}}`;
    case "break":
    case "continue":
      return `{{${node.kind}}}`;
    case "template":
      return `{{template ${JSON.stringify(node.name)}${node.pipe ? ` ${nodeText(node.pipe)}` : ""}}}`;
    default: {
      const otherwise = node.otherwise ? `{{else}}${node.otherwise.map(nodeText).join("")}` : "";
      return `{{${node.kind} ${nodeText(node.pipe)}}}${node.body.map(nodeText).join("")}${otherwise}{{end}}`;
    }
  }
}
