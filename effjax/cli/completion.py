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
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()


def flags_of(name: str) -> list[str]:
    """The flags of a verb: "--quiet", and "--config=" where a value follows."""
    found = ["--help"]
    for argument in VERBS[name].flags:
        word = argument.names[0]
        if word.startswith("--"):
            found.append(word if "action" in argument.settings else f"{word}=")
    return found


def choices_of(name: str) -> list[str]:
    """The words that the positional arguments of a verb may be."""
    return [word for flag in VERBS[name].flags for word in flag.settings.get("choices", ())]


def summary_of(name: str) -> str:
    """What a verb does, in one line without the full stop."""
    return (VERBS[name].run.__doc__ or "").partition("\n")[0].rstrip(".").replace("'", "")


def _bash() -> str:
    cases = "\n".join(
        f'    {name}) words="{" ".join([*choices_of(name), *flags_of(name)])}" ;;' for name in VERBS
    )
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
    *) words="{" ".join(VERBS)} --help --version" ;;
  esac
  if ((COMP_CWORD == 1)); then words="{" ".join(VERBS)} --help --version"; fi
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
    cases = "\n".join(
        f"    {name}) words=({' '.join([*choices_of(name), *flags_of(name)])}) ;;" for name in VERBS
    )
    return f"""_effjax() {{
  local -a verbs words
  verbs=(
{verbs}
  )
  if ((CURRENT == 2)); then _describe verb verbs; return; fi
  if [[ $PREFIX == --*=* ]]; then compset -P '*='; _files; return; fi
  case $words[2] in
{cases.replace("words=(", "flags=(")}
  esac
  compadd -S '' -- ${{(M)flags:#*=}}
  compadd -- ${{flags:#*=}}
  [[ $PREFIX == -* ]] || _files
}}
compdef _effjax effjax
""".replace("local -a verbs words", "local -a verbs flags")


def _fish() -> str:
    lines = ["complete -c effjax -n __fish_use_subcommand -f"]
    for name in VERBS:
        lines.append(
            f"complete -c effjax -n __fish_use_subcommand -a {name} -d '{summary_of(name)}'"
        )
        seen = f"complete -c effjax -n '__fish_seen_subcommand_from {name}'"
        for word in flags_of(name):
            value = " -r -F" if word.endswith("=") else ""
            lines.append(f"{seen} -l {word.strip('-=')}{value}")
        lines += [f"{seen} -a {word}" for word in choices_of(name)]
    return "\n".join(lines) + "\n"
