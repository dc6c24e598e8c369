"""`effjax completion SHELL`: a script that completes verbs, flags, configs and models with TAB.

The script is static text made from what the verbs declare: completing starts no Python.
"""

import argparse

from effjax.cli.declare import VERBS, flag, verb

SHELLS = ("bash", "zsh", "fish")
HOW = {
    "bash": 'eval "$(effjax completion bash)"    # in ~/.bashrc',
    "zsh": 'eval "$(effjax completion zsh)"     # in ~/.zshrc, after compinit',
    "fish": "effjax completion fish > ~/.config/fish/completions/effjax.fish",
}


@verb(
    flag("shell", choices=SHELLS, help="for which shell"),
    examples=list(HOW.values()),
)
def completion(args: argparse.Namespace) -> None:
    """Print a script that lets the shell complete verbs and flags."""
    print(script(args.shell), end="")


def script(shell: str) -> str:
    """The text that a shell reads; `shell` is one of SHELLS."""
    makers = {"bash": _bash, "zsh": _zsh, "fish": _fish}
    make = makers[shell]
    return make()


def flags_of(name: str) -> list[str]:
    """The flags of a verb: "--quiet", and "--config=" where a value follows."""
    found = ["--help"]
    for argument in VERBS[name].flags:
        word = argument.names[0]
        if not word.startswith("--"):
            continue  # a positional argument: see `choices_of`
        takes_value = "action" not in argument.settings
        if takes_value:
            word += "="
        found.append(word)
    return found


def choices_of(name: str) -> list[str]:
    """The words that the positional arguments of a verb may be."""
    return [word for flag in VERBS[name].flags for word in flag.settings.get("choices", ())]


def summary_of(name: str) -> str:
    """What a verb does, in one line without the full stop."""
    docstring = VERBS[name].run.__doc__ or ""
    first_line, _, _ = docstring.partition("\n")
    # the scripts put it between single quotes
    return first_line.rstrip(".").replace("'", "")


def _words_of(name: str) -> str:
    return " ".join([*choices_of(name), *flags_of(name)])


def _bash() -> str:
    cases = "\n".join(f'    {name}) words="{_words_of(name)}" ;;' for name in VERBS)
    verbs = " ".join(VERBS)
    # braces of bash are doubled: the text is an f-string
    return f"""_effjax() {{
  local words line="${{COMP_LINE:0:COMP_POINT}}" word
  word="${{line##* }}"
  COMPREPLY=()
  case "$word" in
    --*=*) # bash parts words at "=": complete the file behind it
      compopt -o filenames 2>/dev/null
      mapfile -t COMPREPLY < <(compgen -f -- "${{word#*=}}"); return ;;
  esac
  case "${{COMP_WORDS[1]}}" in
{cases}
    *) words="{verbs} --help --version" ;;
  esac
  if ((COMP_CWORD == 1)); then words="{verbs} --help --version"; fi
  mapfile -t COMPREPLY < <(compgen -W "$words" -- "$word")
  [[ ${{#COMPREPLY[@]}} == 1 && ${{COMPREPLY[0]}} == *= ]] && compopt -o nospace 2>/dev/null
  if ((COMP_CWORD > 1)) && [[ $word != -* ]]; then
    compopt -o filenames 2>/dev/null
    mapfile -t -O ${{#COMPREPLY[@]}} COMPREPLY < <(compgen -f -- "$word")
  fi
}}
complete -F _effjax effjax
"""


def _zsh() -> str:
    verbs = "\n".join(f"    '{name}:{summary_of(name)}'" for name in VERBS)
    # not "words": zsh keeps the line typed so far in a variable of that name
    cases = "\n".join(f"    {name}) flags=({_words_of(name)}) ;;" for name in VERBS)
    return f"""_effjax() {{
  local -a verbs flags
  verbs=(
{verbs}
  )
  if ((CURRENT == 2)); then _describe verb verbs; return; fi
  if [[ $PREFIX == --*=* ]]; then compset -P '*='; _files; return; fi
  case $words[2] in
{cases}
  esac
  compadd -S '' -- ${{(M)flags:#*=}}
  compadd -- ${{flags:#*=}}
  [[ $PREFIX == -* ]] || _files
}}
compdef _effjax effjax
"""


def _fish() -> str:
    lines = ["complete -c effjax -n __fish_use_subcommand -f"]
    for name in VERBS:
        lines.append(
            f"complete -c effjax -n __fish_use_subcommand -a {name} -d '{summary_of(name)}'"
        )
        seen = f"complete -c effjax -n '__fish_seen_subcommand_from {name}'"
        for word in flags_of(name):
            line = f"{seen} -l {word.strip('-=')}"
            if word.endswith("="):
                line += " -r -F"  # a value must follow, which may be a file
            lines.append(line)
        for word in choices_of(name):
            lines.append(f"{seen} -a {word}")
    return "\n".join(lines) + "\n"
