/** $(NAME) in commands, arguments and values of variables. Pure. */

/** $(NAME) is replaced when the name is known and stays as it is otherwise; $$ is one $. */
export function expandVariables(text: string, variables: ReadonlyMap<string, string>): string {
  if (!text.includes("$")) return text;
  return text.replace(/\$\$|\$\(([^()]*)\)/g, (whole, name: string | undefined) => {
    if (name === undefined) return "$";
    return variables.get(name) ?? whole;
  });
}
