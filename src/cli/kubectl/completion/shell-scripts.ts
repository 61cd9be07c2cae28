/** Scripts that let shells ask `kubectl __complete` what may come next. */

export type Shell = "bash" | "zsh" | "fish" | "powershell";

/** @param name of the program to complete */
export const shellScript = (name: string, shell: Shell): string => SCRIPTS[shell](name);

/*
 * Every script reads lines of choices ("word<TAB>what it is") and a last line ":N", the sum of what the shell is to do:
 * 1 failed, 2 no space behind the word, 4 no files, 8 the choices are endings of files, 16 folders only.
 */

const bashScript = (
  name: string,
): string => `# bash completion of ${name}; load it with: source <(${name} completion bash)
__${name}_complete() {
  local current="$2" line number=0 endings="" word colon
  local -a words
  # Words are read from the line itself: bash parts them at ":" and "=".
  read -ra words <<<"\${COMP_LINE:0:COMP_POINT}"
  case "\${COMP_LINE:0:COMP_POINT}" in *" ") words+=("") ;; esac
  current="\${words[-1]}"
  COMPREPLY=()
  while IFS= read -r line; do
    case "$line" in
      :*) number="\${line#:}" ;;
      *) word="\${line%%$'\\t'*}"; endings="$endings \${word}"
         case "$word" in "\${current#--*=}"*) COMPREPLY+=("$word") ;; esac ;;
    esac
  done < <("\${words[0]}" __complete "\${words[@]:1}" 2>/dev/null)
  if ((number & 8)); then
    COMPREPLY=()
    while IFS= read -r line; do COMPREPLY+=("$line"); done < <(
      compgen -d -- "$current"
      for word in $endings; do compgen -f -X "!*.$word" -- "$current"; done)
    compopt -o filenames 2>/dev/null
  elif ((number & 16)); then
    COMPREPLY=($(compgen -d -- "$current"))
    compopt -o filenames 2>/dev/null
  elif ((\${#COMPREPLY[@]} == 0)) && (((number & 4) == 0)); then
    compopt -o default 2>/dev/null
  fi
  if ((number & 2)) || [[ \${#COMPREPLY[@]} -eq 1 && "\${COMPREPLY[0]}" == */ ]]; then compopt -o nospace 2>/dev/null; fi
  # What stands before the last ":" is bash's own already.
  if [[ "$current" == *:* && "$COMP_WORDBREAKS" == *:* ]]; then
    colon="\${current%"\${current##*:}"}"
    COMPREPLY=("\${COMPREPLY[@]#"$colon"}")
  fi
}
complete -o nosort -F __${name}_complete ${name} 2>/dev/null || complete -F __${name}_complete ${name}
`;

const zshScript = (name: string): string => `#compdef ${name}
compdef _${name} ${name}
# zsh completion of ${name}; load it with: source <(${name} completion zsh)
_${name}() {
  local line number=0 word what
  local -a choices endings
  for line in "\${(@f)$("\${words[1]}" __complete "\${(@)words[2,CURRENT]}" 2>/dev/null)}"; do
    case "$line" in
      :*) number="\${line#:}" ;;
      "") ;;
      *) word="\${line%%$'\\t'*}" what="\${line#*$'\\t'}"
         endings+=("$word")
         if [[ "$what" == "$line" ]]; then choices+=("\${word//:/\\\\:}"); else choices+=("\${word//:/\\\\:}:$what"); fi ;;
    esac
  done
  if ((number & 8)); then _files -g "*.(\${(j:|:)endings})"
  elif ((number & 16)); then _files -/
  elif ((\${#choices} > 0)); then
    if ((number & 2)); then _describe -V choice choices -S ""; else _describe -V choice choices; fi
  elif (((number & 4) == 0)); then _files
  fi
}
if [ "$funcstack[1]" = "_${name}" ]; then _${name} "$@"; fi
`;

const fishScript = (
  name: string,
): string => `# fish completion of ${name}; load it with: ${name} completion fish | source
function __${name}_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l lines ($words[1] __complete $words[2..-1] 2>/dev/null)
    set -l number (string replace ':' '' -- $lines[-1])
    set -l choices $lines[1..-2]
    if test (math "bitand($number, 8)") -ne 0
        for ending in $choices
            __fish_complete_suffix (commandline -ct) .$ending
        end
    else if test (math "bitand($number, 16)") -ne 0
        __fish_complete_directories (commandline -ct)
    else if test (count $choices) -gt 0
        printf '%s\\n' $choices
    else if test (math "bitand($number, 4)") -eq 0
        __fish_complete_path (commandline -ct)
    end
end
complete -c ${name} -e
complete -c ${name} -f -k -a '(__${name}_complete)'
`;

const powershellScript = (
  name: string,
): string => `# powershell completion of ${name}; load it with: ${name} completion powershell | Out-String | Invoke-Expression
Register-ArgumentCompleter -Native -CommandName '${name}' -ScriptBlock {
    param($current, $ast, $position)
    $words = @($ast.CommandElements | Where-Object { $_.Extent.StartOffset -lt $position } | ForEach-Object { $_.ToString() })
    if ($current -eq '') { $words += '' }
    $rest = @($words | Select-Object -Skip 1 | ForEach-Object { if ($_ -eq '') { '""' } else { $_ } })
    $lines = @(Invoke-Expression "& $($words[0]) __complete $($rest -join ' ') 2>$null")
    foreach ($line in $lines) {
        if ($line.StartsWith(':')) { continue }
        $word, $what = $line -split "\`t", 2
        if (-not $what) { $what = $word }
        [System.Management.Automation.CompletionResult]::new($word, $word, 'ParameterValue', $what)
    }
}
`;

const SCRIPTS: Readonly<Record<Shell, (name: string) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
  powershell: powershellScript,
};
