/** What a shell needs to know of one command. */
export interface CompletionWords {
  /** The commands behind a group's name; under "" the first words. */
  words: Readonly<Record<string, readonly string[]>>;
  /** The flags of each command, by its name. */
  flags: Readonly<Record<string, readonly string[]>>;
}

/** Commands whose words are names that the daemon knows, and how those are listed. */
const NAMES: Readonly<Record<string, string>> = {
  containers:
    "attach cp diff exec export inspect kill logs pause port rename restart rm start stats stop top unpause update wait commit",
  images: "create history rmi run save tag",
};

/** Groups whose commands all take names of one kind, and how those are listed. */
const GROUP_NAMES: Readonly<Record<string, string>> = {
  image: "images --format '{{.Repository}}:{{.Tag}}'",
  network: "network ls --format '{{.Name}}'",
  volume: "volume ls -q",
  context: "context ls -q",
};

/** The completion script for a shell. */
export function completionScript(program: string, shell: "bash" | "zsh" | "fish", known: CompletionWords): string {
  if (shell === "fish") return fishScript(program, known);
  const bash = bashScript(program, known);
  return shell === "bash" ? bash : `#compdef ${program}\nautoload -U +X bashcompinit && bashcompinit\n${bash}`;
}

function bashScript(program: string, { words, flags }: CompletionWords): string {
  const cases = (entries: Readonly<Record<string, readonly string[]>>) =>
    Object.entries(entries)
      .filter(([name, list]) => name !== "" && list.length > 0)
      .map(([name, list]) => `    "${name}") echo "${list.join(" ")}" ;;`)
      .join("\n");
  const groups = Object.entries(GROUP_NAMES)
    .map(([group, listing]) => `    "${group} "*) ${program} ${listing} 2>/dev/null; return ;;`)
    .join("\n");
  return `# bash completion of ${program}; load it with: source <(${program} completion bash)
_${program}_words() {
  case "$1" in
    "") echo "${(words[""] ?? []).join(" ")}" ;;
${cases(words)}
  esac
}
_${program}_flags() {
  case "$1" in
${cases(flags)}
  esac
}
_${program}_names() {
  case "$2" in
    "compose "*) ${program} compose config --services 2>/dev/null; return ;;
${groups}
  esac
  case " ${NAMES.containers} " in *" $1 "*) ${program} ps -a --format '{{.Names}}' 2>/dev/null; return ;; esac
  case " ${NAMES.images} " in *" $1 "*) ${program} images --format '{{.Repository}}:{{.Tag}}' 2>/dev/null ;; esac
}
_${program}() {
  local current="\${COMP_WORDS[COMP_CWORD]}" name="" last="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*) continue ;; esac
    if [ -z "$name" ]; then name="$word" last="$word"
    else case " $(_${program}_words "$name") " in *" $word "*) name="$name $word" last="$word" ;; esac
    fi
  done
  if [ "\${COMP_WORDS[1]}" = kubectl ] && [ "$COMP_CWORD" -gt 1 ]; then
    local choice number=0
    COMPREPLY=()
    while IFS= read -r choice; do
      case "$choice" in
        :*) number="\${choice#:}" ;;
        "$current"*) COMPREPLY+=("\${choice%%$'\\t'*}") ;;
      esac
    done < <(${program} kubectl __complete "\${COMP_WORDS[@]:2:COMP_CWORD-1}" 2>/dev/null)
    [ "$number" != 8 ] || COMPREPLY=()
    return
  fi
  local choices
  case "$current" in
    -*) choices="$(_${program}_flags "$name")" ;;
    *) choices="$(_${program}_words "$name")"; [ -n "$choices" ] || choices="$(_${program}_names "$last" "$name")" ;;
  esac
  COMPREPLY=($(compgen -W "$choices" -- "$current"))
  type __ltrim_colon_completions >/dev/null 2>&1 && __ltrim_colon_completions "$current"
}
complete -o default -F _${program} ${program}
`;
}

function fishScript(program: string, { words, flags }: CompletionWords): string {
  const lines = [`# fish completion of ${program}; load it with: ${program} completion fish | source`];
  const first = (words[""] ?? []).join(" ");
  lines.push(`complete -c ${program} -n "not __fish_seen_subcommand_from ${first}" -f -a "${first}"`);
  for (const [group, list] of Object.entries(words)) {
    if (group === "") continue;
    const all = list.join(" ");
    const seen = `__fish_seen_subcommand_from ${group}; and not __fish_seen_subcommand_from ${all}`;
    lines.push(`complete -c ${program} -n "${seen}" -f -a "${all}"`);
  }
  for (const [name, list] of Object.entries(flags)) {
    const seen = name
      .split(" ")
      .map((word) => `__fish_seen_subcommand_from ${word}`)
      .join("; and ");
    for (const flag of list.filter((each) => each.startsWith("--"))) {
      lines.push(`complete -c ${program} -n "${seen}" -l ${flag.slice(2)}`);
    }
  }
  lines.push(
    `complete -c ${program} -n "__fish_seen_subcommand_from kubectl" -f -a "(${program} kubectl __complete (commandline -opc)[3..-1] (commandline -ct) 2>/dev/null | string match -v -r '^:')"`,
  );
  const containers = `__fish_seen_subcommand_from ${NAMES.containers}`;
  const composing = "__fish_seen_subcommand_from compose";
  const services = `(${program} compose config --services 2>/dev/null)`;
  lines.push(
    `complete -c ${program} -n "${composing}; and __fish_seen_subcommand_from ${(words.compose ?? []).join(" ")}" -f -a "${services}"`,
  );
  for (const [group, listing] of Object.entries(GROUP_NAMES)) {
    const all = (words[group] ?? []).join(" ");
    const seen = `not ${composing}; and __fish_seen_subcommand_from ${group}; and __fish_seen_subcommand_from ${all}`;
    lines.push(`complete -c ${program} -n "${seen}" -f -a "(${program} ${listing} 2>/dev/null)"`);
  }
  const otherKinds = `__fish_seen_subcommand_from compose ${Object.keys(GROUP_NAMES).join(" ")}`;
  lines.push(
    `complete -c ${program} -n "not ${otherKinds}; and ${containers}" -f -a "(${program} ps -a --format '{{.Names}}' 2>/dev/null)"`,
  );
  return `${lines.join("\n")}\n`;
}
